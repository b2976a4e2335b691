/** A broken build: the shipped sources with one rule taken out. */

export interface Edit {
  /** Relative to `src`. */
  readonly file: string
  /** Stands exactly once in the file; else the mutation is out of date, which is an error. */
  readonly find: string
  readonly replace: string
}

export interface Mutation {
  readonly name: string
  /** What is broken, for the table. */
  readonly rule: string
  readonly edits: readonly Edit[]
  /** Scenarios that are tried until one catches it. */
  readonly scenarios: readonly string[]
  /** What the catch has to say: a crash of the mutated code for another reason is none. */
  readonly cause: RegExp
}

/** The edited text of a file; throws where an edit does not fit. */
export function mutated(file: string, text: string, { name, edits }: Mutation): string {
  let result = text
  for (const { find, replace } of edits.filter((edit) => edit.file === file)) {
    const times = result.split(find).length - 1
    if (times !== 1) {
      throw new RangeError(
        `${name}: src/${file} has its text ${times} times, not once: bring it up to date\n${find}`,
      )
    }
    result = result.replace(find, () => replace)
  }
  return result
}
