import fc from 'fast-check';
import { expect, it } from 'vitest';

import { Histogram } from '../src/histogram.ts';

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

/** The value of that rank in the sorted list: what a quantile is defined as. */
function exactQuantile(values: readonly number[], quantile: number): number {
  return values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(quantile * values.length)) - 1] ?? 0;
}

const milliseconds = fc.integer({ min: 0, max: 600_000_000 }).map((microseconds) => microseconds / 1000);

it('quantileMs is within 0.8 % above the exact value, for any values and quantile', () => {
  fc.assert(
    fc.property(
      fc.array(milliseconds, { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, q) => {
        const exact = exactQuantile(values, q);
        const found = histogramOf(values).quantileMs(q);
        expect(found).toBeGreaterThanOrEqual(exact - 1e-9);
        expect(found).toBeLessThanOrEqual(exact * 1.008 + 1e-9);
      },
    ),
  );
});

it('quantileMs never exceeds the largest value, which quantile 1 is', () => {
  const histogram = histogramOf([1, 2, 1234.567]);
  expect([histogram.quantileMs(1), histogram.maxMs]).toEqual([1234.567, 1234.567]);
});

it('quantileMs of nothing is 0', () => {
  expect([new Histogram().quantileMs(0.99), new Histogram().maxMs, new Histogram().total]).toEqual([0, 0, 0]);
});

it('add gives the same as recording all values in one histogram', () => {
  fc.assert(
    fc.property(fc.array(milliseconds), fc.array(milliseconds), (left, right) => {
      const merged = new Histogram(histogramOf(left).data());
      merged.add(histogramOf(right).data());
      const whole = histogramOf([...left, ...right]);
      expect(merged.data()).toEqual(whole.data());
      expect(merged.total).toBe(left.length + right.length);
    }),
  );
});

it('record takes values beyond its range as the longest it knows', () => {
  const histogram = histogramOf([1e12]);
  expect(histogram.quantileMs(0.5)).toBe((2 ** 31 - 1) / 1000);
});
