import type { ArmSettings } from './settings.ts';

interface Entry {
  state: string;
  looks: number;
}

/** Resource providers that are registered without anybody asking. */
const ALWAYS = new Set(['microsoft.resources', 'microsoft.authorization', 'microsoft.features']);

/** Which providers and preview features the subscriptions are registered for. Registering takes some looks. */
export class Registrations {
  readonly #entries = new Map<string, Entry>();
  readonly #settings: ArmSettings;
  #revision = 0;

  constructor(settings: ArmSettings) {
    this.#settings = settings;
  }

  /** Another number after every step of a registration. */
  get revision(): number {
    return this.#revision;
  }

  /** The state of a provider; `looking` counts as a look that may complete a registration. */
  provider(subscriptionId: string, namespace: string, looking = false): string {
    const key = `${subscriptionId}/${namespace}`.toLowerCase();
    return this.#stateOf(key, looking) ?? (this.#fromTheBeginning(namespace) ? 'Registered' : 'NotRegistered');
  }

  feature(subscriptionId: string, namespace: string, feature: string): string {
    return this.#stateOf(`${subscriptionId}/${namespace}/${feature}`.toLowerCase(), true) ?? 'NotRegistered';
  }

  /** Begins a registration; nothing happens when there is one. `name` is `namespace` or `namespace/feature`. */
  register(subscriptionId: string, name: string): void {
    const key = `${subscriptionId}/${name}`.toLowerCase();
    const known = this.#entries.get(key)?.state;
    if (known === 'Registered' || known === 'Registering') return;
    if (!name.includes('/') && known === undefined && this.#fromTheBeginning(name)) return;
    this.#entries.set(key, { state: this.#settings.registrationLooks === 0 ? 'Registered' : 'Registering', looks: 0 });
  }

  unregister(subscriptionId: string, name: string): void {
    this.#entries.set(`${subscriptionId}/${name}`.toLowerCase(), { state: 'NotRegistered', looks: 0 });
  }

  toJSON(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#entries].map(([key, { state }]) => [key, state]));
  }

  restore(states: Readonly<Record<string, string>>): void {
    for (const [key, state] of Object.entries(states)) this.#entries.set(key, { state, looks: 0 });
  }

  #fromTheBeginning(namespace: string): boolean {
    const { registered } = this.#settings;
    if (registered === 'all' || ALWAYS.has(namespace.toLowerCase())) return true;
    return registered.some((name) => name.toLowerCase() === namespace.toLowerCase());
  }

  #stateOf(key: string, looking: boolean): string | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const { state } = entry;
    if (looking && state === 'Registering') {
      entry.looks += 1;
      this.#revision += 1;
      if (entry.looks >= this.#settings.registrationLooks) entry.state = 'Registered';
    }
    return state;
  }
}
