/** `rootswap/torture`: real threads, real structures, as hard as they can. */

export { structureNames } from './torture/structures.ts'
export { torture, type TortureOptions } from './torture/torture.ts'
export { describe, TortureFailed, type TortureReport } from './torture/report.ts'
