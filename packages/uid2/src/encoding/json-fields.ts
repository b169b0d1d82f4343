import { MalformedError } from '@holdfast/base';

/**
 * Reads typed fields out of parsed JSON. Every miss is a MalformedError with the code given at construction and a sentence
 * that names the path, never the value.
 */
export class JsonFields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #code: string;
  readonly #path: string;

  private constructor(fields: Readonly<Record<string, unknown>>, code: string, path: string) {
    this.#fields = fields;
    this.#code = code;
    this.#path = path;
  }

  /** @param path What the object is, for messages: "salt metadata", "keysets[3]". */
  static of(value: unknown, code: string, path: string): JsonFields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new MalformedError(code, `${path} is not a JSON object`);
    }
    return new JsonFields(value as Record<string, unknown>, code, path);
  }

  /** One JsonFields per element of a JSON array of objects. */
  static listOf(value: unknown, code: string, path: string): JsonFields[] {
    if (!Array.isArray(value)) throw new MalformedError(code, `${path} is not a JSON array`);
    return value.map((element, index) => JsonFields.of(element, code, `${path}[${index}]`));
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  text(name: string): string {
    const value = this.#value(name);
    if (typeof value !== 'string') throw this.problem(name, 'is not a text');
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#value(name);
    if (typeof value !== 'boolean') throw this.problem(name, 'is not true or false');
    return value;
  }

  /** A whole number that a double holds exactly. */
  integer(name: string): number {
    const value = this.#value(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.problem(name, 'is not a whole number');
    return value;
  }

  int32(name: string): number {
    const value = this.integer(name);
    if (value !== (value | 0)) throw this.problem(name, 'is beyond 32 bits');
    return value;
  }

  objects(name: string): JsonFields[] {
    return JsonFields.listOf(this.#value(name), this.#code, `${this.#path}.${name}`);
  }

  integers(name: string): number[] {
    const value = this.#value(name);
    if (!Array.isArray(value)) throw this.problem(name, 'is not a list of whole numbers');
    return value.map((element: unknown) => {
      if (!Number.isSafeInteger(element)) throw this.problem(name, 'is not a list of whole numbers');
      return element as number;
    });
  }

  problem(name: string, what: string): MalformedError {
    return new MalformedError(this.#code, `${this.#path}.${name} ${what}`);
  }

  /** An own field; JSON null counts as absent. */
  #value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? (this.#fields[name] ?? undefined) : undefined;
  }
}
