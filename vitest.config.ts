import { defineConfig } from 'vitest/config'

/* What the explorer, the litmus tests and torture find does not depend on Node's version; they take
 * most of the time, so `.ci/run` repeats only the others on the other versions. */
const slow = ['test/model/**', 'test/litmus/**', 'test/torture/**']

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: process.env['ROOTSWAP_WITHOUT_SLOW_TESTS'] === '1' ? slow : [],
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
