import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Questions } from '../../src/serving-threads/questions.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('Questions', () => {
  it('gives every question the answer with its number, in any order', async () => {
    const questions = new Questions();
    const ids: number[] = [];
    const asked = ['a', 'b'].map(() => questions.ask<string>((id) => ids.push(id), 1000));
    questions.answer(ids[1] ?? 0, { value: 'second' });
    questions.answer(ids[0] ?? 0, { error: new Error('first') });
    await expect(asked[0]).rejects.toThrow('first');
    await expect(asked[1]).resolves.toBe('second');
  });

  it('fails a question when its time is up, and passes over an answer that comes later', async () => {
    const questions = new Questions();
    let id = 0;
    const asked = questions.ask((number) => (id = number), 1000);
    vi.advanceTimersByTime(1000);
    await expect(asked).rejects.toMatchObject({ code: 'THREAD_SILENT' });
    questions.answer(id, { value: 'late' });
  });

  it('fails all of them when who was asked is gone', async () => {
    const questions = new Questions();
    const asked = questions.ask(() => undefined, 1000);
    questions.fail(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
  });
});
