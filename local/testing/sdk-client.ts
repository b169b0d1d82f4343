/**
 * The program that drives the unmodified Azure SDKs. By its place, not by import: only processes of their own may load the SDKs, and this
 * workspace does not depend on them.
 */
export const SDK_CLIENT = new URL('../../services/secrets-store/testing/sdk-client.ts', import.meta.url);

/** What an Azure SDK made of a request. */
export interface SdkAnswer {
  readonly ok?: Readonly<Record<string, unknown>>;
  readonly error?: {
    readonly name?: string;
    readonly code?: string;
    readonly statusCode?: number;
    readonly message?: string;
  };
}
