import tseslint from 'typescript-eslint';

const TIME_IS_AN_ARGUMENT = 'Time is an argument: take `now`.';

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/dist-types/**',
      '**/build/**',
      '**/prebuilds/**',
      'packages/bench/results/**',
    ],
  },
  ...tseslint.configs.strict,
  {
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off', // shared arrays are indexed by checked numbers
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'prefer-const': 'error',
    },
  },
  {
    // What CommonJS gets: `import x = require()` is how TypeScript writes it.
    files: ['**/*.cts'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // Pure modules: no clock, no timer, no chance, no log. docs/architecture.md, law 3.
    files: [
      'packages/wire/src/**',
      'packages/recorder/src/media/**',
      'packages/sfu/src/media/virtual/**',
      'packages/sfu/src/media/ice/**',
      'packages/sfu/src/media/receive/**',
      'packages/sfu/src/media/rtcp/**',
    ],
    rules: {
      'no-restricted-globals': [
        'error',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'performance',
        'process',
        'console',
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: TIME_IS_AN_ARGUMENT },
        { object: 'Math', property: 'random', message: 'Chance is an argument: take `rng`.' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: TIME_IS_AN_ARGUMENT },
      ],
    },
  },
);
