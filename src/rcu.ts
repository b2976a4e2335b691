/** `rootswap/rcu`: grace periods and structures whose readers never wait. */

export { BorrowedBlock } from './rcu/block.ts'
export {
  type Flavor,
  Rcu,
  type RcuHandle,
  type RcuReader,
  type RcuStats,
  type RegisterOptions,
} from './rcu/rcu.ts'
export { RcuPointer, type RcuPointerHandle } from './rcu/rcu-pointer.ts'
export { RcuHashMap, type RcuHashMapHandle, type RcuHashMapOptions } from './rcu/rcu-hash-map.ts'
export type { RcuFound, RcuValue } from './rcu/items.ts'
export { RcuQueue, type RcuQueueHandle, type RcuTaken } from './rcu/rcu-queue.ts'
