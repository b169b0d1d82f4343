import { constants, createPrivateKey, privateDecrypt } from 'node:crypto';

import { DependencyError, errorMessage, fromBase64, MalformedError, toUtf8, VerificationError } from '@holdfast/base';
import { deriveDiskKey, openSecret } from '@holdfast/key-release';

import type { Events } from '../events.ts';
import type { KeyRequest, PrivateJwk, ReleaseKey } from '../key-release/key-releaser.ts';
import type { SecretFolder } from './secret-folder.ts';
import type { AttestedSecretFile, AttestedSecretsSettings } from './settings.ts';

/** Pauses, or rejects when the signal aborts. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

export interface AttestedSecretsOptions {
  readonly files: AttestedSecretsSettings['files'];
  /** Where evidence and tokens go: checked origins. */
  readonly maaOrigin: string;
  readonly vaultOrigin: string;
  readonly releaseKey: ReleaseKey;
  readonly folder: SecretFolder;
  readonly events: Pick<Events, 'secretsProvided' | 'secretsDelayed'>;
  readonly pause: Pause;
}

/** Provides secrets as files to the other containers of the pod. */
export interface AttestedSecrets {
  /** Whether all files are there. */
  readonly ready: boolean;
  /**
   * Releases the keys and writes the files, all or none. Tries again for as long as the attestation service or the vault
   * refuse or do not answer: a release policy can be changed under a waiting pod.
   * @throws MalformedError, VerificationError what sealed secrets and keys are refused with: waiting would not help
   */
  provide(): Promise<void>;
  /** Stops trying and removes the files. */
  stop(): Promise<void>;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** Creates the provider; nothing happens before `provide`. */
export function createAttestedSecrets(options: AttestedSecretsOptions): AttestedSecrets {
  const { files, folder, events, pause } = options;
  const names = files.map((file) => file.name);
  const stopping = new AbortController();
  let ready = false;

  const provideOnce = async (): Promise<void> => {
    const keys = new Map<string, PrivateJwk>();
    for (const kid of new Set(files.map((file) => file.kid))) keys.set(kid, await options.releaseKey(request(kid)));
    const contents = files.map((file) => [file.name, contentOf(file, keys.get(file.kid) ?? {})] as const);
    if (!stopping.signal.aborted) await folder.write(contents);
    // Stopped while it wrote: nothing may stay behind.
    if (stopping.signal.aborted) await folder.remove(names);
    for (const [, content] of contents) content.fill(0);
  };
  const request = (kid: string): KeyRequest => ({
    maaOrigin: options.maaOrigin,
    vaultOrigin: options.vaultOrigin,
    kid,
    accessToken: undefined,
  });

  return {
    get ready() {
      return ready;
    },
    provide: async () => {
      for (let pauseMs = FIRST_PAUSE_MS; !stopping.signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
        try {
          await provideOnce();
          ready = !stopping.signal.aborted;
          if (ready) events.secretsProvided(names);
          return;
        } catch (error) {
          if (!(error instanceof DependencyError)) throw error;
          events.secretsDelayed(error, pauseMs);
        }
        // Aborted: the loop ends by its condition.
        await pause(pauseMs, stopping.signal).catch(() => undefined);
      }
    },
    stop: async () => {
      stopping.abort();
      ready = false;
      await folder.remove(names);
    },
  };
}

function contentOf(file: AttestedSecretFile, jwk: PrivateJwk): Uint8Array {
  if (file.form === 'jwk') return toUtf8(JSON.stringify(jwk));
  if (file.form === 'sealed') return openSealed(file.name, file.sealed, jwk);
  return deriveDiskKey(jwk, { salt: file.salt, ...(file.label === undefined ? {} : { label: file.label }) });
}

/** A compact JWE, or Base64 of RSA-OAEP with SHA-256 as `openssl pkeyutl` makes it. */
function openSealed(name: string, sealed: string, jwk: PrivateJwk): Uint8Array {
  if (jwk['kty'] !== 'RSA') {
    throw new VerificationError('SEALED_SECRET_UNDECRYPTABLE', `${name}: only an RSA key opens a sealed secret`);
  }
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  if (sealed.includes('.')) return openSecret(sealed, privateKey);
  let ciphertext: Uint8Array;
  try {
    ciphertext = fromBase64(sealed);
  } catch (cause) {
    throw new MalformedError('SEALED_SECRET_MALFORMED', `${name}: neither a JWE nor Base64: ${errorMessage(cause)}`, {
      cause,
    });
  }
  try {
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    return new Uint8Array(privateDecrypt({ key: privateKey, padding, oaepHash: 'sha256' }, ciphertext));
  } catch (cause) {
    throw new VerificationError('SEALED_SECRET_UNDECRYPTABLE', `${name}: cannot be opened with the released key`, {
      cause,
    });
  }
}
