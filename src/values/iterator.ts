/** What all iterators of the engine inherit from: from Node 22 on it has `map` and `filter`. */
export const IteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf([][Symbol.iterator]()) as object,
) as object
