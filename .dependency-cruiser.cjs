// The import rules of ARCHITECTURE.md: a folder of src imports from itself and from lower ranks only.
const ranks = [
  ['domain'],
  ['connections', 'files', 'kernel'],
  ['store', 'drivers', 'runtimes', 'artifacts', 'builds', 'ingress'],
  ['jobs', 'iam', 'git'],
  ['tasks'],
  ['actions'],
  ['api', 'reconcile'],
];

const upward = ranks.flatMap((folders, rank) =>
  folders.map((folder) => ({
    name: `${folder}-imports-lower-ranks-only`,
    severity: 'error',
    from: { path: `^src/${folder}/` },
    to: { path: '^src/', pathNot: `^src/(${[folder, ...ranks.slice(0, rank).flat()].join('|')})/` },
  })),
);

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      // A browser loads the script of the reference page.
      from: { orphan: true, path: '^src/', pathNot: '(\\.d\\.ts$|/main\\.ts$|^src/api/docs/)' },
      to: {},
    },
    ...upward,
    ...['src/ingress/proxy', 'src/drivers/process/supervisor'].map((folder) => ({
      name: `${folder.split('/').at(-1)}-outlives-the-platform`,
      severity: 'error',
      from: { path: `^${folder}/` },
      to: { path: '^src/', pathNot: `^(${folder}|src/domain|src/kernel)/` },
    })),
    {
      name: 'errands-are-given-as-text',
      severity: 'error',
      from: { path: '^src/drivers/process/supervisor/errands/' },
      to: { path: '^src/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'settings-are-read-by-entry-points-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main\\.ts|settings\\.ts|cli/)' },
      to: { path: '^src/settings\\.ts$' },
    },
    {
      name: 'cli-speaks-the-public-api',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: {
        path: '^src/',
        pathNot:
          '^src/(cli|domain|store|runtimes)/|^src/(settings|main|platform-log|data-directory)\\.ts$|^src/kernel/inherited\\.ts$',
      },
    },
    {
      name: 'the-product-does-not-import-its-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
