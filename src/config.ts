/** `rootswap/config`: configuration that follows its files, whole versions only. */
export type {
  ConfigEvents,
  Outcome,
  Reason,
  Rejected,
  Reloaded,
  Unavailable,
  Unchanged,
} from './config/events.ts'
export type { Entry } from './config/history.ts'
export type { ConfigOptions, SchemaOptions } from './config/options.ts'
export type { Issue, Stage } from './config/rejection.ts'
export type { StandardSchema } from './config/schema.ts'
export type { Content, ReadOptions, Source } from './config/source.ts'
export type { FormatName, Text } from './config/text.ts'
export { watchConfig } from './config/watch.ts'
export type { Config } from './config/watched.ts'
