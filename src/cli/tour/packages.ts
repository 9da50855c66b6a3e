import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from 'tar';

const sample = fileURLToPath(new URL('../../../examples/hello', import.meta.url));

/** The sample application as a package of that version; one called "broken" logs why it cannot start, and exits. */
export async function packSample(version: string): Promise<Buffer> {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-sample-'));
  try {
    const source = join(dir, 'hello');
    cpSync(sample, source, { recursive: true });
    writeFileSync(join(source, 'VERSION'), `${version}\n`);
    const file = join(dir, 'hello.tgz');
    await create({ gzip: true, file, cwd: source, portable: true }, ['.']);
    return readFileSync(file);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
