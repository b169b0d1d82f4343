interface ReviverContext {
  readonly source?: string;
}

/** JSON with integers beyond 2^53 as bigints; undefined when the text is no JSON. */
export function parseJsonExact(value: string): unknown {
  const exact = (_: string, parsed: unknown, context?: ReviverContext): unknown => {
    const source = context?.source;
    if (typeof parsed !== 'number' || Number.isSafeInteger(parsed) || source === undefined) return parsed;
    return /^-?[0-9]+$/.test(source) ? BigInt(source) : parsed;
  };
  try {
    return JSON.parse(value, exact);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
