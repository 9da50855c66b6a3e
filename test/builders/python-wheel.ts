import type { Entry } from './zip.ts';

/** The files of a pure Python wheel, so that requirements can be met without a network. */
export function wheelOf(name: string, version: string, modules: readonly Entry[]): readonly Entry[] {
  const folder = `${name}-${version}.dist-info`;
  const told = [
    {
      path: `${folder}/METADATA`,
      content: Buffer.from(`Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`),
    },
    {
      path: `${folder}/WHEEL`,
      content: Buffer.from('Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'),
    },
  ];
  const files = [...modules, ...told];
  const record = [...files.map(({ path }) => `${path},,`), `${folder}/RECORD,,`, ''].join('\n');
  return [...files, { path: `${folder}/RECORD`, content: Buffer.from(record) }];
}
