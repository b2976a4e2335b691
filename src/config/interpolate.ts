/**
 * `${NAME}` and `${NAME:-default}` in strings. The default stands for a variable that is unset or
 * empty; `$${` is a literal `${`. What is put in is not searched again.
 */

import type { Flaw, Tree } from './tree.ts'
import { changeStrings } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const pattern = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?/g

/** Replaces the variables in place; returns what was wrong. */
export function interpolate(root: Tree, env: Environment): Flaw[] {
  const flaws: Flaw[] = []
  changeStrings(root, (text, path) =>
    text.replaceAll(pattern, (whole, name: string | undefined, otherwise: string | undefined) => {
      if (whole === '$${') return '${'
      if (name === undefined) {
        // The text may be a secret: it is not quoted.
        const message = 'has ${ without the name of a variable and }; a literal ${ is $${'
        flaws.push({ message, path })
        return whole
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined
      if (value !== undefined && (value !== '' || otherwise === undefined)) return value
      if (otherwise === undefined) {
        flaws.push({ message: `the environment has no variable ${name}`, path })
      }
      return otherwise ?? whole
    }),
  )
  return flaws
}
