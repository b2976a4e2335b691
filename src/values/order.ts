/** JavaScript's order of keys: integer-like ones ascending, then the others as they were added. */

/** Whether a key is an array index in JavaScript's sense: canonical, below 2^32 - 1. */
export function isInteger(key: string): boolean {
  const { length } = key
  if (length === 0 || length > 10) return false
  const first = key.charCodeAt(0)
  if (first === 48) return length === 1
  for (let index = 0; index < length; index++) {
    const code = key.charCodeAt(index)
    if (code < 48 || code > 57) return false
  }
  return length < 10 || Number(key) < 2 ** 32 - 1
}

export function javaScriptOrder(keys: readonly string[]): string[] {
  const integers = keys.filter(isInteger)
  if (integers.length === 0) return [...keys]
  integers.sort((a, b) => Number(a) - Number(b))
  return integers.concat(keys.filter((key) => !isInteger(key)))
}
