import { pause } from './pause.ts'
import { waitAsync } from './wait-async.ts'

/**
 * Puts `waitAsync` and `pause` on `Atomics`, each only where it is missing; what the platform or
 * another polyfill put there stays. Calling it again changes nothing.
 */
export function install(): void {
  for (const [name, value] of Object.entries({ waitAsync, pause })) {
    if (name in Atomics) continue
    // As the platform defines them: not enumerable.
    Object.defineProperty(Atomics, name, { value, writable: true, configurable: true })
  }
}
