/** The arguments of what waits and of what writes: signals, limits, versions, functions. */

import { typeError } from '../errors.ts'

export interface SignalOptions {
  /** Ends the wait; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** The options, or the error that says that they are none. */
export function optionsOf<O extends object>(options: O | undefined): O {
  if (options === undefined) return {} as O
  if (typeof options === 'object' && options !== null) return options
  throw wrong('options', 'an object', options)
}

/** The options of a write, of which `ifVersion` must be a version, or be left out. */
export function writeOptionsOf<O extends { readonly ifVersion?: number }>(
  options: O | undefined,
): O | undefined {
  if (options !== undefined && optionsOf(options).ifVersion !== undefined) {
    versionOf(options.ifVersion, 'ifVersion')
  }
  return options
}

export function signalOf(options: SignalOptions | undefined): AbortSignal | undefined {
  const { signal } = optionsOf(options)
  if (signal === undefined) return undefined
  // By shape, not by instanceof: the signal may come from another realm, or from a library.
  const { aborted, addEventListener } = signal as Partial<AbortSignal>
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return signal
  throw wrong('signal', 'an AbortSignal', signal)
}

/** Milliseconds; no limit when left out. */
export function timeoutOf(timeoutMs: unknown): number {
  if (timeoutMs === undefined) return Infinity
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return timeoutMs
  throw wrong('timeoutMs', 'a number of milliseconds, 0 or more', timeoutMs)
}

export function versionOf(version: unknown, argument = 'version'): number {
  if (typeof version === 'number' && Number.isSafeInteger(version) && version >= 0) return version
  throw wrong(argument, 'a whole number, 0 or more', version)
}

export function functionOf<F>(name: string, fn: F): F {
  if (typeof fn === 'function') return fn
  throw wrong(name, 'a function', fn)
}

function wrong(argument: string, expected: string, found: unknown): TypeError {
  const shown = typeof found === 'number' ? String(found) : found === null ? 'null' : typeof found
  return typeError('ERR_INVALID_ARGUMENT', `${argument} must be ${expected}, not ${shown}`, {
    argument,
  })
}
