/** `rootswap/cow`: copy-on-write as a tool. */

export type { SegmentOptions, Segments } from './cow/image.ts'
export type { SegmentName, SpaceStats } from './cow/segments.ts'
export {
  AddressSpace,
  type ForkOptions,
  type PageState,
  type Segment,
  type SpaceHandle,
  type SpaceOptions,
} from './cow/space.ts'
export { CowString, type StringHandle } from './cow/string.ts'
export { RcBlock } from './store/block.ts'
export type { SegmentView } from './cow/view.ts'
export type { BlockHandle } from './store/handle.ts'
