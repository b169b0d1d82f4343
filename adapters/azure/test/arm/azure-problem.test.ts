import { describe, expect, it } from 'vitest';
import fc from 'fast-check';

import { problemOf } from '../../src/arm/azure-problem.ts';

describe('problemOf', () => {
  it('finds the innermost code of a vault, under either spelling', () => {
    for (const key of ['innererror', 'innerError']) {
      const body = {
        error: { code: 'Forbidden', message: 'Caller is not authorized', [key]: { code: 'ForbiddenByRbac' } },
      };
      expect(problemOf(body)).toEqual({
        code: 'ForbiddenByRbac',
        message: 'Caller is not authorized',
        path: ['Forbidden'],
      });
    }
  });

  it('takes the deepest of several details, and of equals the first', () => {
    const details = [
      { code: 'A', message: 'a' },
      {
        code: 'B',
        message: 'b',
        details: [
          { code: 'C', message: 'c' },
          { code: 'D', message: 'd' },
        ],
      },
    ];
    expect(problemOf({ error: { code: 'Top', message: 't', details } })).toMatchObject({
      code: 'C',
      path: ['Top', 'B'],
    });
  });

  it('opens a message that is JSON, in JSON, in JSON', () => {
    const message = JSON.stringify({ error: { code: 'C', message: JSON.stringify({ code: 'D', message: 'deep' }) } });
    expect(problemOf({ code: 'A', message })).toEqual({ code: 'D', message: 'deep', path: ['A', 'C'] });
  });

  it('leaves a message alone that only looks like JSON', () => {
    expect(problemOf({ code: 'A', message: '{not json' })).toMatchObject({ code: 'A', message: '{not json' });
  });

  it('reads the errors of token endpoints', () => {
    expect(problemOf({ error: 'invalid_client', error_description: 'wrong' })).toMatchObject({
      code: 'invalid_client',
      message: 'wrong',
    });
  });

  it('takes a target that is a resource for the resource', () => {
    const target = '/subscriptions/s/resourceGroups/r';
    expect(problemOf({ code: 'A', message: 'm', target })).toMatchObject({ target, resourceId: target });
  });

  it('answers undefined for what is no error', () => {
    for (const value of [undefined, null, 1, '', [], {}, { error: {} }, { error: null }]) {
      expect(problemOf(value)).toBeUndefined();
    }
  });

  it('ends on bodies that are nested without end or as wide as can be', () => {
    let nested: object = { code: 'X', message: 'x' };
    for (let depth = 0; depth < 5_000; depth += 1) nested = { code: 'X', message: 'x', details: [nested] };
    expect(problemOf(nested)?.code).toBe('X');
    const wide = {
      code: 'W',
      message: 'w',
      details: Array.from({ length: 100_000 }, () => ({ code: 'Y', message: 'y' })),
    };
    expect(problemOf(wide)?.code).toBe('Y');
  });

  it('never throws, and never shows a secret', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ minLength: 8 }), (value, secret) => {
        const body = { error: { code: 'A', message: `before ${secret} after`, details: [value] } };
        const message = problemOf(body, { secrets: [secret] })?.message ?? '';
        expect(message === `before ${secret} after`).toBe(false);
      }),
    );
  });
});
