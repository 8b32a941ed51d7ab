import { defineConfig } from 'vitest/config';

const shared = { testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'test/unit/**/*.test.ts', 'test/simulation/**/*.test.ts'],
          exclude: ['packages/web/test/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Browsers measure in real time: one file at a time, after everything else, or the figures say nothing.
        test: {
          ...shared,
          name: 'browser',
          include: [
            'test/browser/**/*.test.ts',
            'test/interop/**/*.test.ts',
            'packages/web/test/**/*.test.ts',
          ],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
