import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

/** The rules are only worth something if they fail: each of these trees breaks one of them. */
const planted: readonly (readonly [rule: string, files: Readonly<Record<string, string>>])[] = [
  [
    'domain-imports-lower-ranks-only',
    {
      'src/domain/a.ts': "import type { B } from '../store/b.ts';\nexport type A = B;\n",
      'src/store/b.ts': 'export type B = string;\n',
    },
  ],
  [
    'no-cycles',
    {
      'src/domain/a.ts': "import type { B } from './b.ts';\nexport type A = B;\n",
      'src/domain/b.ts': "import type { A } from './a.ts';\nexport type B = A | 1;\n",
    },
  ],
  [
    'store-imports-lower-ranks-only',
    {
      'src/store/a.ts': "import { b } from '../drivers/b.ts';\nexport const a = b;\n",
      'src/drivers/b.ts': 'export const b = 1;\n',
    },
  ],
  [
    'proxy-outlives-the-platform',
    {
      'src/ingress/proxy/main.ts': "import { b } from '../ingress.ts';\nexport const a = b;\n",
      'src/ingress/ingress.ts': 'export const b = 1;\n',
    },
  ],
  [
    'supervisor-outlives-the-platform',
    {
      'src/drivers/process/supervisor/main.ts':
        "import { b } from '../../../files/b.ts';\nexport const a = b;\n",
      'src/files/b.ts': 'export const b = 1;\n',
    },
  ],
  [
    'errands-are-given-as-text',
    {
      'src/drivers/process/supervisor/errands/a.ts': "import { b } from '../b.ts';\nexport const a = b;\n",
      'src/drivers/process/supervisor/b.ts': 'export const b = 1;\n',
    },
  ],
  [
    'kernel-imports-lower-ranks-only',
    {
      'src/kernel/a.ts': "import type { B } from '../ingress/b.ts';\nexport type A = B;\n",
      'src/ingress/b.ts': 'export type B = string;\n',
    },
  ],
];

for (const [rule, files] of planted) {
  test(`the check finds what breaks ${rule}`, (t) => {
    const root = mkdtempSync(join(tmpdir(), 'openstage-boundaries-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), content);
    }
    for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json'])
      copyFileSync(file, join(root, file));
    const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src'];
    const run = spawnSync(resolve('node_modules/.bin/depcruise'), args, { cwd: root, encoding: 'utf8' });
    assert.notEqual(run.status, 0, run.stdout);
    assert.match(run.stdout, new RegExp(rule));
  });
}
