import type { StatePort } from './ports.ts';

/** One line of a journal. */
export interface JournalEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly configHash: string;
  readonly stage: string;
  readonly event: 'started' | 'submitted' | 'done' | 'interrupted' | 'finished';
  readonly deployment?: string;
  readonly templateHash?: string;
  readonly correlationId?: string;
  /** With which another process can go on waiting. */
  readonly poller?: string;
}

/**
 * What a run has done, one JSON object in a line. It only makes going on faster: without it, or with one that tells of
 * another configuration, the cloud itself says what is done.
 */
export class Journal {
  readonly #state: StatePort;
  readonly #name: string;
  readonly #configHash: string;
  readonly #entries: JournalEntry[];

  private constructor(state: StatePort, name: string, configHash: string, entries: JournalEntry[]) {
    this.#state = state;
    this.#name = name;
    this.#configHash = configHash;
    this.#entries = entries;
  }

  /** Reads the journal of a deployment; what a finished run or another configuration left is forgotten. */
  static async open(state: StatePort, name: string, configHash: string): Promise<Journal> {
    const entries = parseJournal((await state.read(name)) ?? '');
    const usable = entries.at(-1)?.event !== 'finished' && entries.every((entry) => entry.configHash === configHash);
    if (!usable) await state.remove(name);
    return new Journal(state, name, configHash, usable ? entries : []);
  }

  /** What the deployment was submitted with, if it was by an earlier run with the same template. */
  pollerOf(deployment: string, templateHash: string): string | undefined {
    return this.#entries.findLast(
      (entry) => entry.event === 'submitted' && entry.deployment === deployment && entry.templateHash === templateHash,
    )?.poller;
  }

  async append(at: number, entry: Omit<JournalEntry, 'at' | 'configHash'>): Promise<void> {
    const full: JournalEntry = { at, configHash: this.#configHash, ...entry };
    this.#entries.push(full);
    await this.#state.append(this.#name, JSON.stringify(full));
  }
}

/** The entries of a journal; a line that was cut off while it was written is left out. */
export function parseJournal(text: string): JournalEntry[] {
  return text.split('\n').flatMap((line) => {
    if (line === '') return [];
    try {
      const entry = JSON.parse(line) as JournalEntry;
      return typeof entry.configHash === 'string' && typeof entry.stage === 'string' ? [entry] : [];
    } catch {
      // The process ended in the middle of the line; the cloud knows what it would have said.
      return [];
    }
  });
}

/** What a journal says to the doctor: whether it belongs to another configuration, and which stage was left unfinished. */
export function journalFacts(
  text: string,
  configHash: string,
): { readonly otherConfig: boolean; readonly unfinished?: string } | undefined {
  const last = parseJournal(text).at(-1);
  if (last === undefined || last.event === 'finished') return undefined;
  const unfinished = last.event === 'done' ? {} : { unfinished: last.stage };
  return { otherConfig: last.configHash !== configHash, ...unfinished };
}
