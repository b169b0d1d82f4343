/** What a process says about itself to Core and Opt-Out. */
export interface Application {
  /** For example `uid2-operator`. */
  readonly name: string;
  readonly version: string;
  /** Versions of the parts, by name. */
  readonly components: Readonly<Record<string, string>>;
}

/** The value of `X-UID2-AppVersion`: `name=version`, the application first, then its components, separated by `;`. */
export function appVersionHeader(application: Application): string {
  const parts = [[application.name, application.version], ...Object.entries(application.components)];
  return parts.map(([name, version]) => `${name}=${version}`).join(';');
}
