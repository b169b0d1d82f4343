import { cidrOf, usableAddresses } from '../network/cidr.ts';
import type { PeerPodsSettings, SettingProblem } from './read-settings.ts';

/** What only the cluster and the subscription know. What is missing is not checked. */
export interface PeerPodsSurroundings {
  /** `osc-feature-gates` asks for confidential machines. */
  readonly confidentialGate?: boolean;
  /** Nodes that run peer pods. */
  readonly nodes?: number;
  /** Range of the subnet of the machines. */
  readonly subnetCidr?: string;
  /** Whether the subnet has a NAT gateway or a route out. */
  readonly subnetHasEgress?: boolean;
}

/** Confidential families: AMD SEV-SNP and Intel TDX, general purpose and memory optimised, from version 5 on. */
const SNP = /^Standard_[DE]C\d+ad?s_v[5-9]$/i;
const TDX = /^Standard_[DE]C\d+ed?s_v[5-9]$/i;
/** Port of the tunnel under the rules of the product's documentation. */
const DOCUMENTED_VXLAN_PORT = '9000';

/** The technology of a size of machine, which is also the prefix of its reference values; undefined for ordinary ones. */
export function teeOf(size: string): 'snp' | 'tdx' | undefined {
  if (SNP.test(size)) return 'snp';
  return TDX.test(size) ? 'tdx' : undefined;
}

/** What is wrong between settings that are each right, and with what is around them. */
export function checkPeerPodsSettings(
  settings: PeerPodsSettings,
  surroundings: PeerPodsSurroundings = {},
): readonly SettingProblem[] {
  const { values } = settings;
  const isTrue = (key: string): boolean => /^(?:1|true)$/i.test(values.get(key) ?? '');
  return [
    ...machineProblems(values, isTrue, surroundings),
    ...networkProblems(values, isTrue, surroundings),
    ...certificateProblems(values, isTrue),
  ];
}

type Values = PeerPodsSettings['values'];
const problem = (severity: SettingProblem['severity'], key: string, message: string): SettingProblem => ({
  severity,
  key,
  message,
});

function sizesOf(values: Values): readonly string[] {
  const listed = (values.get('AZURE_INSTANCE_SIZES') ?? '').split(',').map((size) => size.trim());
  return [values.get('AZURE_INSTANCE_SIZE') ?? '', ...listed].filter((size) => size !== '');
}

function machineProblems(
  values: Values,
  isTrue: (key: string) => boolean,
  { confidentialGate }: PeerPodsSurroundings,
): SettingProblem[] {
  const found: SettingProblem[] = [];
  const sizes = [...new Set(sizesOf(values))];
  const listed = (values.get('AZURE_INSTANCE_SIZES') ?? '').split(',').map((size) => size.trim());
  const initial = values.get('AZURE_INSTANCE_SIZE') ?? '';
  if (listed.join('') !== '' && !listed.includes(initial)) {
    found.push(
      problem('error', 'AZURE_INSTANCE_SIZE', `${initial} is not among AZURE_INSTANCE_SIZES, to which it is not added`),
    );
  }
  if (isTrue('DISABLECVM')) {
    if (confidentialGate === true) {
      found.push(problem('error', 'DISABLECVM', 'is true, while the feature gate asks for confidential machines'));
    }
    return found;
  }
  for (const size of sizes) {
    if (teeOf(size) !== undefined) continue;
    const message = `${size} is no confidential size, such as Standard_DC2as_v5 or Standard_DC2es_v6; DISABLECVM is not true`;
    found.push(problem('error', size === initial ? 'AZURE_INSTANCE_SIZE' : 'AZURE_INSTANCE_SIZES', message));
  }
  const technologies = new Set(sizes.map(teeOf).filter((tee) => tee !== undefined));
  if (technologies.size > 1) {
    found.push(
      problem('warning', 'AZURE_INSTANCE_SIZES', 'has SEV-SNP and TDX sizes: reference values of both are needed'),
    );
  }
  return found;
}

function networkProblems(
  values: Values,
  isTrue: (key: string) => boolean,
  { nodes, subnetCidr, subnetHasEgress }: PeerPodsSurroundings,
): SettingProblem[] {
  const found: SettingProblem[] = [];
  if (isTrue('USE_PUBLIC_IP'))
    found.push(problem('warning', 'USE_PUBLIC_IP', 'each machine can be reached from the internet'));
  else if (subnetHasEgress === false) {
    const message = 'is false, and the subnet has no way out: machines reach neither registries nor the key broker';
    found.push(problem('error', 'USE_PUBLIC_IP', message));
  }
  const port = values.get('VXLAN_PORT');
  if (port !== undefined && port !== DOCUMENTED_VXLAN_PORT) {
    const message = `is ${port}: the documented rules open ${DOCUMENTED_VXLAN_PORT}, so open UDP ${port} between workers and machines both ways`;
    found.push(problem('warning', 'VXLAN_PORT', message));
  }
  const limit = Number(values.get('PEERPODS_LIMIT_PER_NODE'));
  if (limit === 0) found.push(problem('warning', 'PEERPODS_LIMIT_PER_NODE', 'is 0: no peer pod can be scheduled'));
  const subnet = subnetCidr === undefined ? undefined : cidrOf(subnetCidr);
  if (nodes !== undefined && subnet !== undefined && limit > 0) {
    const free = usableAddresses(subnet);
    const needed = nodes * limit;
    if (needed > free) {
      const message = `${nodes} nodes with ${limit} machines each need ${needed} addresses; ${subnetCidr} has ${free}: ${needed - free} too few`;
      found.push(problem('error', 'PEERPODS_LIMIT_PER_NODE', message));
    }
  }
  return found;
}

function certificateProblems(values: Values, isTrue: (key: string) => boolean): SettingProblem[] {
  const found: SettingProblem[] = [];
  const keys = ['CACERT_FILE', 'CERT_FILE', 'CERT_KEY'];
  const given = keys.filter((key) => values.has(key));
  if (given.length > 0 && given.length < keys.length) {
    found.push(problem('error', keys.join(', '), `only ${given.join(' and ')}: give all three or none`));
  }
  if (isTrue('TLS_SKIP_VERIFY'))
    found.push(problem('error', 'TLS_SKIP_VERIFY', 'is true: anybody can be the machine of a pod'));
  if (values.has('TLS_CIPHER_SUITES') && values.get('TLS_MIN_VERSION') === 'VersionTLS13') {
    found.push(problem('error', 'TLS_CIPHER_SUITES', 'TLS 1.3 has no suites to choose'));
  }
  return found;
}
