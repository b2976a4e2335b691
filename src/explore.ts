/** `rootswap/explore`: a deterministic checker for code over shared memory. */

export { expectExhausted, explore } from './explore/explore.ts'
export { ExplorationFailed, NotExhausted } from './explore/failure.ts'
export type { FailureKind } from './explore/failure.ts'
export { NotLinearizable, checkLinearizable, expectLinearizable } from './explore/linearizable.ts'
export type { LinearizabilityResult, Operation, Specification } from './explore/linearizable.ts'
export type {
  Control,
  Ending,
  ExplorationResult,
  Scenario,
  ThreadFunction,
  ThreadOptions,
  WriteEvent,
} from './explore/scenario.ts'
export type { HeapObserver } from './explore/shadow.ts'
export { Words } from './explore/words.ts'
export type { WaitResult, WordsOptions } from './explore/words.ts'
