/** Chunks that can be read to their end by somebody else when the first reader stops. */
export class DrainableSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #failure: { readonly error: unknown } | undefined;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#iterator = chunks[Symbol.asyncIterator]();
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await this.#iterator.next();
      } catch (error) {
        this.#failure = { error };
        throw error;
      }
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** Throws what the chunks throw on their way to the end. */
  async drain(): Promise<void> {
    while ((await this.#iterator.next()).done !== true);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
