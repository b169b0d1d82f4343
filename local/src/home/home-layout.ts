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
  /** The secret of the administrator alone, for programs that take it from a file. */
  readonly clientSecretFile: string;
  /** The operator key alone, for deployments that are not given one. */
  readonly operatorKeyFile: string;
  /** What Azure Resource Manager knows. */
  readonly armFile: string;
  /** Token of the clusters' administrator. */
  readonly kubernetesTokenFile: string;
  /** What is in the caches of deployments. */
  readonly redisFolder: string;
  /** The objects of each cluster. */
  readonly clustersFolder: string;
  /** Digest of what the operator was deployed from. */
  readonly deployedFile: string;
  readonly configFolder: string;
  readonly tlsFolder: string;
  readonly manifest: string;
  /** The release of this repository, as it is; the manifest beside it may have been changed. */
  readonly releaseFolder: string;
  /** OCI image layout whose images the clusters can pull, beside those of this repository. */
  readonly imagesFolder: string;
  /** Configuration of the operator's deployment. */
  readonly deploymentConfig: string;
  /** How commands reach the cloud while it is up. */
  readonly cloudFile: string;
  readonly kubeconfig: string;
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
  'holdfast.yaml',
  'deployments',
  'release',
  'images',
  'cloud.json',
  'kubeconfig',
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
    clientSecretFile: at('azure', 'client-secret'),
    operatorKeyFile: at('azure', 'operator-key'),
    armFile: at('azure', 'resources.json'),
    kubernetesTokenFile: at('azure', 'kubernetes-token'),
    redisFolder: at('azure', 'redis'),
    clustersFolder: at('azure', 'clusters'),
    deployedFile: at('azure', 'deployed'),
    configFolder: at('config'),
    tlsFolder: at('tls'),
    manifest: at('operator.yaml'),
    releaseFolder: at('release'),
    imagesFolder: at('images'),
    deploymentConfig: at('holdfast.yaml'),
    cloudFile: at('cloud.json'),
    kubeconfig: at('kubeconfig'),
    virtualNodeSettings: at('virtual-node.json'),
    credentials: at('credentials.json'),
    readyFile: at('ready.json'),
    logsFolder: at('logs'),
    podsFolder: at('pods'),
  };
}
