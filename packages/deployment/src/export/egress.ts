import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';

/** A host that pods or the virtual node must reach. */
export interface EgressHost {
  readonly host: string;
  readonly ports: readonly number[];
  readonly purpose: string;
}

const stores: Readonly<Record<string, readonly string[]>> = {
  integ: [
    'core-integ.uidapi.com',
    'optout-integ.uidapi.com',
    'uid2-core-integ-store.s3.us-east-2.amazonaws.com',
    'uid2-optout-integ-store.s3.us-east-2.amazonaws.com',
  ],
  prod: [
    'core-prod.uidapi.com',
    'optout-prod.uidapi.com',
    'uid2-core-prod-store.s3.us-east-2.amazonaws.com',
    'uid2-core-prod-store-replica.s3.us-west-2.amazonaws.com',
    'uid2-optout-prod-store.s3.us-east-2.amazonaws.com',
    'uid2-optout-prod-store-replica.s3.us-west-2.amazonaws.com',
  ],
};

/** What a firewall must let out, by host name: addresses change. */
export function egressHosts(config: Uid2Vn2Config): readonly EgressHost[] {
  const https = (host: string, purpose: string): EgressHost => ({ host, ports: [443], purpose });
  return [
    ...(stores[config.operator.environment] ?? []).map((host) => https(host, 'UID2 services and data')),
    https(`${config.vault.name}.vault.azure.net`, 'Operator key'),
    https('login.microsoftonline.com', 'Tokens of the identity'),
    https('sharedeus.eus.attest.azure.net', 'Attestation'),
    https('ghcr.io', 'Image of the operator'),
    https('pkg-containers.githubusercontent.com', 'Layers of the image of the operator'),
    https('mcr.microsoft.com', 'Images of the sidecar and of the virtual node'),
    https('*.data.mcr.microsoft.com', 'Layers of those images'),
    https('management.azure.com', 'Virtual node'),
    { host: '*.atlas.cloudapp.azure.com', ports: [19_390, 33_391], purpose: 'Container groups' },
  ];
}
