/** Calls something at the very end of the stack. */

/** What is called where the stack has room for so many frames of `descend` and no more. */
export interface Bottom {
  readonly call: () => void
  room: number
}

/** Calls itself until the stack overflows; the arguments make the frames of different sizes. */
export function descend(bottom: Bottom, ...pad: number[]): void {
  try {
    descend(bottom, ...pad)
  } catch (error) {
    if (bottom.room < 0) throw error
  }
  if (bottom.room-- === 0) bottom.call()
}
