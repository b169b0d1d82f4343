import { join } from 'node:path';

/** Where everything of one local cloud is kept. Deleting the folder is always safe. */
export interface HomeLayout {
  readonly folder: string;
  /** Written last at first start: its presence says that everything below is complete. */
  readonly marker: string;
  readonly lock: string;
  /** Test certificate authority; `caFile` is what clients trust. */
  readonly caFolder: string;
  readonly caFile: string;
  /** Keys of the simulated SEV-SNP platform. */
  readonly platformFile: string;
  readonly platformRootFile: string;
  readonly platformEndorserRootFile: string;
  readonly jwtSigningKey: string;
  readonly jwtPublicKey: string;
  readonly attestationSigningKey: string;
  readonly attestationSigningCertificate: string;
  readonly coreLinkKey: string;
  readonly optoutLinkKey: string;
  /** Passphrase and salt of UID2 attestation tokens. */
  readonly attestationTokenKey: string;
  /** UID2 Core's bucket. */
  readonly coreBucket: string;
  /** UID2 Opt-Out's bucket and queue. */
  readonly optoutBucket: string;
  readonly optoutQueue: string;
  readonly azureFolder: string;
  readonly vaultFile: string;
  readonly vaultKeysFile: string;
  readonly administrator: string;
  readonly configFolder: string;
  readonly tlsFolder: string;
  readonly manifest: string;
  readonly virtualNodeSettings: string;
  readonly credentials: string;
  /** Content of the ready file, while the cloud is up. */
  readonly readyFile: string;
  readonly logsFolder: string;
  readonly podsFolder: string;
}

/** Every name `up` creates directly in the home folder. */
export const HOME_NAMES: readonly string[] = [
  'home.json',
  'lock',
  'ca',
  'snp',
  'keys',
  'world',
  'azure',
  'config',
  'tls',
  'operator.yaml',
  'virtual-node.json',
  'credentials.json',
  'ready.json',
  'logs',
  'pods',
];

/** The places inside the home folder `folder` (an absolute path). */
export function homeLayout(folder: string): HomeLayout {
  const at = (...names: string[]): string => join(folder, ...names);
  return {
    folder,
    marker: at('home.json'),
    lock: at('lock'),
    caFolder: at('ca'),
    caFile: at('ca', 'ca.pem'),
    platformFile: at('snp', 'platform.json'),
    platformRootFile: at('snp', 'root.pem'),
    platformEndorserRootFile: at('snp', 'endorser-root.pem'),
    jwtSigningKey: at('keys', 'jwt-signing-key.pem'),
    jwtPublicKey: at('keys', 'jwt-public-key.pem'),
    attestationSigningKey: at('keys', 'attestation-signing-key.pem'),
    attestationSigningCertificate: at('keys', 'attestation-signing-certificate.pem'),
    coreLinkKey: at('keys', 'core-link-key.hex'),
    optoutLinkKey: at('keys', 'optout-link-key.hex'),
    attestationTokenKey: at('keys', 'attestation-token.json'),
    coreBucket: at('world', 'core'),
    optoutBucket: at('world', 'optout'),
    optoutQueue: at('world', 'optout-queue'),
    azureFolder: at('azure'),
    vaultFile: at('azure', 'vault.json'),
    vaultKeysFile: at('azure', 'keys.json'),
    administrator: at('azure', 'administrator.json'),
    configFolder: at('config'),
    tlsFolder: at('tls'),
    manifest: at('operator.yaml'),
    virtualNodeSettings: at('virtual-node.json'),
    credentials: at('credentials.json'),
    readyFile: at('ready.json'),
    logsFolder: at('logs'),
    podsFolder: at('pods'),
  };
}
