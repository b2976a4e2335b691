/**
 * Standard Schema (standardschema.dev, version 1), the part that validating needs: an object that
 * zod, valibot, arktype and others give.
 */

import { RootswapError, typeError } from '../errors.ts'

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The schema that an option names, or the `TypeError` that says that it is none. */
export function schemaOf(schema: unknown): StandardSchema | undefined {
  if (schema === undefined) return undefined
  const standard = (schema as { '~standard'?: unknown } | null)?.['~standard']
  const validate = (standard as { validate?: unknown } | undefined)?.validate
  if (typeof validate === 'function') return schema as StandardSchema
  throw typeError('ERR_INVALID_ARGUMENT', 'schema must be a Standard Schema', {
    argument: 'schema',
  })
}

/** What the schema gives. */
export type Output<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/** The keys of an issue's path, as a plain array, which arktype's is not; symbols as text. */
export function keysOf({ path }: SchemaIssue): (string | number)[] {
  return Array.from(path ?? [], (part) => {
    const key = typeof part === 'object' ? part.key : part
    return typeof key === 'symbol' ? String(key) : key
  })
}

/** What the call gives, or an `ERR_TIMEOUT` if it has not settled in time. */
export async function within<R>(
  what: string,
  timeoutMs: number,
  call: () => R | Promise<R>,
): Promise<R> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const message = `${what} did not settle within ${timeoutMs} ms`
      reject(new RootswapError('ERR_TIMEOUT', message, { timeoutMs }))
    }, timeoutMs)
  })
  try {
    return await Promise.race([late, (async () => await call())()])
  } finally {
    clearTimeout(timer)
  }
}
