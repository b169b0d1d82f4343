import { RequestError } from '@holdfast/base';
import type { RedisStore } from '@holdfast/redis';

/** What a vote is counted in: the labels are the keys. */
export type Counters = Pick<RedisStore, 'get' | 'set' | 'setIfMissing' | 'increment'>;

export interface Result {
  readonly choice: string;
  readonly votes: string;
}

export interface BallotOptions {
  readonly counters: Counters;
  readonly choices: readonly [string, string];
  /** Counts any value, and takes a missing counter for a failure. */
  readonly compatible: boolean;
}

/** The value that sets both counters to 0. */
export const RESET = 'reset';

/** Votes for two choices, kept outside so that they survive whoever counts them. */
export class Ballot {
  readonly #options: BallotOptions;

  constructor(options: BallotOptions) {
    this.#options = options;
  }

  /** Makes the counters that are not there yet; votes that were cast stay. */
  async open(): Promise<void> {
    const { choices, counters } = this.#options;
    for (const choice of choices) {
      // An empty text counts as none.
      if ((await counters.get(choice)) === '') await counters.set(choice, '0');
      else await counters.setIfMissing(choice, '0');
    }
  }

  /** @throws RequestError VOTE_UNKNOWN for what is no choice */
  async vote(value: string): Promise<void> {
    const { choices, counters, compatible } = this.#options;
    if (value === RESET) {
      for (const choice of choices) await counters.set(choice, '0');
      return;
    }
    if (!compatible && !choices.includes(value)) {
      throw new RequestError('VOTE_UNKNOWN', `the vote is neither ${choices.join(' nor ')}`, {
        action: 'Vote with the buttons of the page.',
      });
    }
    await counters.increment(value);
  }

  /** @throws RequestError VOTE_COUNTER_MISSING in compatible mode */
  async results(): Promise<readonly Result[]> {
    const { choices, counters, compatible } = this.#options;
    const votes = await Promise.all(choices.map((choice) => counters.get(choice)));
    return choices.map((choice, index) => {
      const found = votes[index];
      if (found === undefined && compatible) {
        throw new RequestError('VOTE_COUNTER_MISSING', `the counter ${choice} is no longer there`, {
          action: 'Set the counters to 0.',
        });
      }
      return { choice, votes: found ?? '0' };
    });
  }
}
