import { MalformedError } from '@holdfast/base';
import { parseQuantity } from '@holdfast/admission';

/** A Kubernetes quantity as a number, which is near enough for a forecast; 0 for what is none. */
export function quantity(value: unknown): number {
  if (typeof value !== 'number' && typeof value !== 'string') return 0;
  try {
    const { numerator, denominator } = parseQuantity(value);
    return Number(numerator) / Number(denominator);
  } catch (error) {
    if (error instanceof MalformedError) return 0;
    throw error;
  }
}
