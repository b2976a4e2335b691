import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Worker threads load from dist/, which this brings up to date once per run.
    globalSetup: ['test/support/build.ts'],
    // A process of its own for each file: what one leaves behind in shared memory, handlers on
    // `process` or unfinished worker threads cannot reach another.
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['--expose-gc'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 5_000,
  },
})
