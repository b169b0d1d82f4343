import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseJsonObject } from '@holdfast/attestation';
import { PlatformError, RequestError, UnsupportedError } from '@holdfast/base';
import type { KeyObject } from 'node:crypto';

import { brokerAbsent } from './attestation-agent.ts';
import type { DataHubSettings } from './guest-config.ts';
import type { BrokerClient } from './kbs/broker-client.ts';
import { pathOfResourceUri } from './kbs/resource-path.ts';
import { isEnvelopeKey, openEnvelope, parseSealedSecret, sealingKeyOf, verifySealedSecret } from './sealed-secret.ts';

const KEY_FILE = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/;

/** The confidential data hub of a guest: resources of the key broker, and secrets unsealed. */
export class DataHub {
  readonly #broker: BrokerClient | undefined;
  readonly #settings: DataHubSettings;
  readonly #keyFolder: string;

  constructor(options: {
    /** Undefined where the initdata name none. */
    readonly broker: BrokerClient | undefined;
    readonly settings: DataHubSettings;
    /** Folder of the guest with the keys that sealed secrets are verified with, each a JSON Web Key. */
    readonly keyFolder: string;
  }) {
    this.#broker = options.broker;
    this.#settings = options.settings;
    this.#keyFolder = options.keyFolder;
  }

  /**
   * The resource `repository/type/tag`.
   * @throws RequestError PEER_POD_BROKER_ABSENT
   * @throws the errors of `BrokerClient.getResource`
   */
  async getResource(path: string): Promise<Uint8Array> {
    if (this.#broker === undefined) throw brokerAbsent('the initdata name no key broker for resources', 'cdh.toml');
    return this.#broker.getResource(path);
  }

  /**
   * The value of a sealed secret, after its signature held.
   * @throws MalformedError PEER_POD_SECRET_MALFORMED
   * @throws UnsupportedError PEER_POD_SECRET_UNSUPPORTED
   * @throws RequestError PEER_POD_SECRET_KEY_UNAVAILABLE
   * @throws VerificationError PEER_POD_SECRET_SIGNATURE_INVALID, PEER_POD_SECRET_UNREADABLE
   * @throws the errors of `getResource`
   */
  async unseal(text: string): Promise<Uint8Array> {
    const secret = parseSealedSecret(text, { skipVerification: this.#settings.skipSealedSecretVerification });
    const { keyId, content } = secret;
    if (content.provider !== 'kbs') {
      throw new UnsupportedError('PEER_POD_SECRET_UNSUPPORTED', 'the provider of the sealed secret is not kbs');
    }
    if (keyId !== undefined) verifySealedSecret(secret, await this.#sealingKey(keyId));
    if (content.type === 'vault') return this.getResource(pathOfResourceUri(content.name));
    const key = await this.getResource(pathOfResourceUri(content.keyId));
    if (!isEnvelopeKey(key)) throw keyUnavailable('the key of the envelope has not 32 bytes');
    return openEnvelope(content, key);
  }

  async #sealingKey(keyId: string): Promise<KeyObject> {
    const jwk = keyId.startsWith('kbs://')
      ? await this.getResource(pathOfResourceUri(keyId))
      : await this.#keyFile(keyId);
    let key: KeyObject | undefined;
    try {
      key = sealingKeyOf(parseJsonObject(jwk, 'PEER_POD_SECRET_KEY_UNAVAILABLE'));
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      // Nothing of what should be a public key is repeated: it may be another resource.
    }
    if (key === undefined) throw keyUnavailable('what the sealed secret names is no JSON Web Key on P-256');
    return key;
  }

  async #keyFile(name: string): Promise<Uint8Array> {
    if (!KEY_FILE.test(name)) throw keyUnavailable('the sealed secret names its key neither by URI nor by file');
    try {
      return new Uint8Array(await readFile(join(this.#keyFolder, name)));
    } catch (cause) {
      throw keyUnavailable(`the guest has no file ${name} with the key of the sealed secret`, cause);
    }
  }
}

function keyUnavailable(problem: string, cause?: unknown): RequestError {
  return new RequestError('PEER_POD_SECRET_KEY_UNAVAILABLE', problem, {
    cause,
    action: 'Store the key as the resource that the secret names.',
  });
}
