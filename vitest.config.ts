import { defineConfig } from 'vitest/config'

/* What does not depend on Node's version and takes most of the time: the explorer, torture, deaths in
 * all faces but the main job's, random histories, failing disks, large heaps, counted steps, a real
 * etcd. `.ci/run` repeats only the others on the other versions. */
const slow = [
  'test/model/**',
  'test/torture/**',
  'test/crash/**',
  'test/property/**',
  'test/persist/{autosave,failing,kills}.test.ts',
  'test/kill/{branches,cow,rcu}.test.ts',
  'test/unit/limits/{deaths,given-up,large,leases,progress}.test.ts',
  'test/unit/values/guarantee.test.ts',
  'test/unit/decode/long.test.ts',
  'test/unit/cow/vfork.test.ts',
  'test/cli/demo.test.ts',
  'test/config/{bad-input,etcd*}.test.ts',
]

/* These count what two cores do to each other, and take five times as long beside other tests. */
const alone = ['test/litmus/**/*.test.ts']
const isShort = process.env['ROOTSWAP_WITHOUT_SLOW_TESTS'] === '1'

export default defineConfig({
  test: {
    // Worker threads load from dist/, which this brings up to date once per run.
    globalSetup: ['test/support/build.ts'],
    teardownTimeout: 5_000,
    projects: [
      project('beside', { exclude: isShort ? [...slow, ...alone] : alone, maxWorkers: 2 }, 0),
      project('alone', { include: isShort ? [] : alone, maxWorkers: 1 }, 1),
    ],
  },
})

interface Files {
  readonly include?: string[]
  readonly exclude?: string[]
  readonly maxWorkers: number
}

/** Projects of a later group begin when the earlier ones have ended. */
function project(name: string, files: Files, groupOrder: number) {
  return {
    test: {
      include: ['test/**/*.test.ts'],
      ...files,
      name,
      sequence: { groupOrder },
      // A process of its own for each file: what one leaves behind in shared memory, handlers on
      // `process` or unfinished worker threads cannot reach another.
      pool: 'forks' as const,
      execArgv: ['--expose-gc'],
      // Time-outs are there for what hangs, not for what is slow: a machine may be busy.
      testTimeout: 120_000,
      hookTimeout: 120_000,
      expect: { poll: { timeout: 60_000 } },
    },
  }
}
