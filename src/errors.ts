/**
 * Every error that the package throws carries a stable `code` and the numbers a person needs.
 *
 * `RootswapError` is branded with a registered symbol, so `instanceof` holds across two copies of
 * the package in one process. Wrong arguments are `TypeError` and `RangeError` with a code.
 */

export type ErrorCode =
  | 'ERR_HEAP_FULL'
  | 'ERR_RECLAIM_STALLED'
  | 'ERR_TOO_MANY_THREADS'
  | 'ERR_STALE_SNAPSHOT'
  | 'ERR_UNKNOWN_VERSION'
  | 'ERR_CONFLICT'
  | 'ERR_NO_SUCH_PATH'
  | 'ERR_UNSUPPORTED_VALUE'
  | 'ERR_IN_READ_SECTION'
  | 'ERR_IN_UPDATE'
  | 'ERR_ASYNC_CALLBACK'
  | 'ERR_BAD_HANDLE'
  | 'ERR_CORRUPT_HEAP'
  | 'ERR_CORRUPT_FILE'
  | 'ERR_SAVE_FAILED'
  | 'ERR_INVALID_VALUE'
  | 'ERR_TIMEOUT'
  | 'ERR_CLOSED'
  | 'ERR_RCU_MISUSE'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_INVALID_CONFIG'

/** What an error carries besides its message: numbers, paths, holders. */
export type ErrorFields = Readonly<Record<string, unknown>>

const brand = Symbol.for('rootswap.error')

export class RootswapError extends Error {
  readonly code: ErrorCode
  /** The numbers behind the message; each is also a property of the error itself. */
  readonly fields: ErrorFields

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}) {
    super(message)
    this.name = 'RootswapError'
    this.code = code
    this.fields = fields
    Object.defineProperty(this, brand, { value: true })
    assignFields(this, fields)
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class that a program derives has instances of its own, not every error of ours.
    if (!Object.hasOwn(this, Symbol.hasInstance)) {
      return Function.prototype[Symbol.hasInstance].call(this, value)
    }
    return typeof value === 'object' && value !== null && brand in value
  }
}

/** A wrong argument: a `TypeError` with a code, as Node's own errors have. */
export function typeError(code: ErrorCode, message: string, fields: ErrorFields = {}): TypeError {
  return assignFields(new TypeError(message), { code, ...fields })
}

/** An argument out of its range: a `RangeError` with a code. */
export function rangeError(message: string, fields: ErrorFields = {}): RangeError {
  return assignFields(new RangeError(message), { code: 'ERR_INVALID_ARGUMENT', ...fields })
}

/** The heap holds what no writer of this package can have left there. */
export function corrupt(message: string, fields: ErrorFields = {}): RootswapError {
  return new RootswapError('ERR_CORRUPT_HEAP', message, fields)
}

function assignFields<E extends Error>(error: E, fields: ErrorFields): E {
  for (const [key, value] of Object.entries(fields)) {
    if (key === 'message' || key === 'stack' || key === 'name') continue
    Object.defineProperty(error, key, { value, enumerable: true, configurable: true })
  }
  return error
}
