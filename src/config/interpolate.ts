/**
 * `${NAME}` and `${NAME:-default}` in strings. The default stands for a variable that is unset or
 * empty; `$${` is a literal `${`. What is put in is not searched again.
 */

import type { Flaw, Path, Tree } from './tree.ts'
import { changeStrings } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const pattern = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?/g
/** What the pattern can match where no } follows. */
const unclosed = /\$\$\{|\$\{/g

/** Replaces the variables in place; returns what was wrong, up to `flawsMax`. */
export function interpolate(root: Tree, env: Environment, flawsMax = Infinity): Flaw[] {
  const flaws: Flaw[] = []
  const flaw = (message: string, path: Path): void => {
    if (flaws.length < flawsMax) flaws.push({ message, path })
  }
  changeStrings(root, '${', (text, path) => {
    const change = (whole: string, name?: string, otherwise?: string): string => {
      if (whole === '$${') return '${'
      if (name === undefined) {
        // The text may be a secret: it is not quoted.
        const message = 'has ${ without the name of a variable and }; a literal ${ is $${'
        flaw(message, path)
        return whole
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined
      if (value !== undefined && (value !== '' || otherwise === undefined)) return value
      if (otherwise === undefined) flaw(`the environment has no variable ${name}`, path)
      return otherwise ?? whole
    }
    // Linear: up to the last } each default that is begun ends, and is passed over with its match.
    // After it each would be searched to the end of the text.
    const end = text.lastIndexOf('}') + 1
    const closed = text.slice(0, end).replaceAll(pattern, change)
    return closed + text.slice(end).replaceAll(unclosed, (whole) => change(whole))
  })
  return flaws
}
