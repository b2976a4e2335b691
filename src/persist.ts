/** `rootswap/persist`: write-behind that says what it may lose. */
export { autosave } from './persist/autosave.ts'
export type { Autosave, AutosaveOptions } from './persist/autosave.ts'
export type { Progress } from './persist/dump.ts'
export { restoreStore } from './persist/restore.ts'
export type { RestoreOptions } from './persist/restore.ts'
export { saveSnapshot } from './persist/save.ts'
export type { Saved, SaveOptions } from './persist/save.ts'
