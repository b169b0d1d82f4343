import type { InjectedVariable, PlatformProfile } from './profile.ts';

const defaultsSource = 'default environment rules of the az confcom extension (Azure/azure-cli-extensions)';
const defaultsDate = '2026-11-22';
const outageSource = 'IABTechLab/uid2-operator#2720 and Azure/azure-cli-extensions#10310';
const outageDate = '2026-11-22';

/** Variables that the generator's default rules admit. */
const knownVariables: readonly InjectedVariable[] = [
  variable('TERM', 'xterm', 'always'),
  variable('HOSTNAME', 'SandboxHost-638000000000000000', 'always'),
  variable('TEMP', '/tmp', 'fabric'),
  variable('TMP', '/tmp', 'fabric'),
  variable('Fabric_NodeName', 'node0', 'fabric'),
  variable('FabricPackageFileName', 'package', 'fabric'),
  variable('HostedServiceName', 'service', 'fabric'),
  variable('IDENTITY_API_VERSION', '2020-05-01', 'identity'),
  variable('IDENTITY_HEADER', 'header', 'identity'),
  variable('IDENTITY_SERVER_THUMBPRINT', 'thumbprint', 'identity'),
  variable('azurecontainerinstance_restarted_by', 'platform', 'restart'),
];

/** Variables that no default rule admits on Linux: with dropping off they deny every container of the group. */
const managedIdentityVariables: readonly InjectedVariable[] = [
  'IDENTITY_ENDPOINT',
  'IMDS_ENDPOINT',
  'APP_IDENTITY_ENDPOINT',
].map((name) => ({
  name,
  example: 'http://169.254.169.254/metadata/identity',
  when: 'always',
  since: 'today',
  scope: 'all',
  source: outageSource,
  date: outageDate,
}));

/** Confidential containers on Azure Container Instances. */
export const aciProfile: PlatformProfile = {
  name: 'aci',
  description: 'Azure Container Instances, confidential SKU, Linux',
  variables: [...knownVariables, ...managedIdentityVariables],
};

/** Pods on virtual nodes, which are ACI container groups with Kubernetes variables. */
export const virtualNodeProfile: PlatformProfile = {
  name: 'virtual-node',
  description: 'Virtual nodes on Azure Container Instances',
  variables: [
    ...aciProfile.variables,
    variable('KUBERNETES_SERVICE_HOST', '10.0.0.1', 'services'),
    variable('KUBERNETES_SERVICE_PORT', '443', 'services'),
    variable('KUBERNETES_SERVICE_PORT_HTTPS', '443', 'services'),
    variable('KUBERNETES_PORT', 'tcp://10.0.0.1:443', 'services'),
    variable('KUBERNETES_PORT_443_TCP', 'tcp://10.0.0.1:443', 'services'),
    variable('KUBERNETES_PORT_443_TCP_PROTO', 'tcp', 'services'),
    variable('KUBERNETES_PORT_443_TCP_PORT', '443', 'services'),
    variable('KUBERNETES_PORT_443_TCP_ADDR', '10.0.0.1', 'services'),
    variable('AZURE_CLIENT_ID', '00000000-0000-0000-0000-000000000000', 'workload-identity'),
    variable('AZURE_TENANT_ID', '00000000-0000-0000-0000-000000000000', 'workload-identity'),
    variable('AZURE_FEDERATED_TOKEN_FILE', '/var/run/secrets/azure/tokens/azure-identity-token', 'workload-identity'),
    variable('AZURE_AUTHORITY_HOST', 'https://login.microsoftonline.com/', 'workload-identity'),
  ],
};

/** Profiles by name, for a command line. */
export const platformProfiles: ReadonlyMap<string, PlatformProfile> = new Map(
  [aciProfile, virtualNodeProfile].map((profile) => [profile.name, profile]),
);

function variable(name: string, example: string, when: InjectedVariable['when']): InjectedVariable {
  return { name, example, when, since: 'today', scope: 'workload', source: defaultsSource, date: defaultsDate };
}
