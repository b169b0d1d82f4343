/** How the text of a setting is read. All values of a ConfigMap are text. */
export type SettingForm =
  | 'text'
  | 'boolean'
  | 'integer'
  | 'port'
  | 'duration'
  | 'uuid'
  | 'region'
  | 'group-name'
  | 'subnet-id'
  | 'security-group-id'
  | 'image-id'
  | 'names'
  | 'tags'
  | 'initdata'
  | 'tls-version';

/** What a key of the two objects can be. */
export type SettingName =
  | 'CLOUD_PROVIDER'
  | 'AZURE_SUBSCRIPTION_ID'
  | 'AZURE_CLIENT_ID'
  | 'AZURE_TENANT_ID'
  | 'AZURE_CLIENT_SECRET'
  | 'AZURE_REGION'
  | 'AZURE_RESOURCE_GROUP'
  | 'AZURE_SUBNET_ID'
  | 'AZURE_NSG_ID'
  | 'AZURE_IMAGE_ID'
  | 'AZURE_INSTANCE_SIZE'
  | 'AZURE_INSTANCE_SIZES'
  | 'DISABLECVM'
  | 'ENABLE_SECURE_BOOT'
  | 'USE_PUBLIC_IP'
  | 'ROOT_VOLUME_SIZE'
  | 'SSH_USERNAME'
  | 'TAGS'
  | 'VXLAN_PORT'
  | 'FORWARDER_PORT'
  | 'TUNNEL_TYPE'
  | 'PEERPODS_LIMIT_PER_NODE'
  | 'INITDATA'
  | 'PROXY_TIMEOUT'
  | 'PAUSE_IMAGE'
  | 'PODS_DIR'
  | 'REMOTE_HYPERVISOR_ENDPOINT'
  | 'CACERT_FILE'
  | 'CERT_FILE'
  | 'CERT_KEY'
  | 'TLS_SKIP_VERIFY'
  | 'TLS_MIN_VERSION'
  | 'TLS_CIPHER_SUITES'
  | 'CLOUD_CONFIG_VERIFY'
  | 'ENABLE_SCRATCH_SPACE'
  | 'EXTERNAL_NETWORK_VIA_PODVM'
  | 'POD_SUBNET_CIDRS'
  | 'ENABLE_CLOUD_PROVIDER_EXTERNAL_PLUGIN'
  | 'AA_KBC_PARAMS';

export interface SettingKey {
  readonly name: SettingName;
  readonly form: SettingForm;
  readonly default?: string;
  /** `always`, or what makes it necessary. */
  readonly required?: 'always' | 'without-workload-identity';
  readonly meaning: string;
}

/** The settings of the cloud API adaptor on Azure, which are the keys of `peer-pods-cm` and `peer-pods-secret`. */
export const settingKeys: readonly SettingKey[] = [
  { name: 'CLOUD_PROVIDER', form: 'text', required: 'always', meaning: 'azure' },
  { name: 'AZURE_SUBSCRIPTION_ID', form: 'uuid', required: 'always', meaning: 'Subscription of the machines' },
  { name: 'AZURE_CLIENT_ID', form: 'uuid', required: 'always', meaning: 'Who creates the machines' },
  { name: 'AZURE_TENANT_ID', form: 'uuid', required: 'always', meaning: 'Tenant of that identity' },
  {
    name: 'AZURE_CLIENT_SECRET',
    form: 'text',
    required: 'without-workload-identity',
    meaning: 'Secret of that identity; belongs in peer-pods-secret',
  },
  { name: 'AZURE_REGION', form: 'region', required: 'always', meaning: 'Region of the machines' },
  { name: 'AZURE_RESOURCE_GROUP', form: 'group-name', required: 'always', meaning: 'Group of the machines' },
  { name: 'AZURE_SUBNET_ID', form: 'subnet-id', required: 'always', meaning: 'Subnet of the machines' },
  { name: 'AZURE_NSG_ID', form: 'security-group-id', meaning: 'Network security group of the machines' },
  { name: 'AZURE_IMAGE_ID', form: 'image-id', required: 'always', meaning: 'Image of the machines' },
  {
    name: 'AZURE_INSTANCE_SIZE',
    form: 'text',
    default: 'Standard_DC2as_v5',
    meaning: 'Size of a machine whose pod asks for none',
  },
  { name: 'AZURE_INSTANCE_SIZES', form: 'names', meaning: 'Sizes that pods may ask for' },
  { name: 'DISABLECVM', form: 'boolean', default: 'false', meaning: 'Ordinary machines instead of confidential ones' },
  { name: 'ENABLE_SECURE_BOOT', form: 'boolean', default: 'false', meaning: 'Secure boot of the machines' },
  { name: 'USE_PUBLIC_IP', form: 'boolean', default: 'false', meaning: 'A public address for each machine' },
  { name: 'ROOT_VOLUME_SIZE', form: 'integer', default: '0', meaning: 'GB of the disk; 0 is the size of the image' },
  { name: 'SSH_USERNAME', form: 'text', default: 'peerpod', meaning: 'User of the SSH key' },
  { name: 'TAGS', form: 'tags', meaning: 'Tags of the machines' },
  { name: 'VXLAN_PORT', form: 'port', default: '4789', meaning: 'UDP port of the tunnel' },
  { name: 'FORWARDER_PORT', form: 'port', default: '15150', meaning: 'TCP port of the agent' },
  { name: 'TUNNEL_TYPE', form: 'text', default: 'vxlan', meaning: 'Kind of tunnel' },
  {
    name: 'PEERPODS_LIMIT_PER_NODE',
    form: 'integer',
    default: '10',
    meaning: 'Machines that a node offers; negative offers nothing, 0 offers none',
  },
  { name: 'INITDATA', form: 'initdata', meaning: 'Initdata of pods that bring none' },
  { name: 'PROXY_TIMEOUT', form: 'duration', default: '5m', meaning: 'How long a machine may take to answer' },
  { name: 'PAUSE_IMAGE', form: 'text', meaning: 'Image of the sandbox' },
  { name: 'PODS_DIR', form: 'text', default: '/run/peerpod/pods', meaning: 'Folder of running pods' },
  {
    name: 'REMOTE_HYPERVISOR_ENDPOINT',
    form: 'text',
    default: '/run/peerpod/hypervisor.sock',
    meaning: 'Socket on which the adaptor is called',
  },
  { name: 'CACERT_FILE', form: 'text', meaning: 'Certificates of the machines’ authority' },
  { name: 'CERT_FILE', form: 'text', meaning: 'Certificate of the adaptor' },
  { name: 'CERT_KEY', form: 'text', meaning: 'Key of that certificate' },
  { name: 'TLS_SKIP_VERIFY', form: 'boolean', default: 'false', meaning: 'Do not verify machines; tests only' },
  { name: 'TLS_MIN_VERSION', form: 'tls-version', meaning: 'VersionTLS12 or VersionTLS13' },
  { name: 'TLS_CIPHER_SUITES', form: 'names', meaning: 'Cipher suites of TLS 1.2' },
  { name: 'CLOUD_CONFIG_VERIFY', form: 'boolean', default: 'false', meaning: 'Check image and SSH key at the start' },
  { name: 'ENABLE_SCRATCH_SPACE', form: 'boolean', default: 'false', meaning: 'Experimental: an encrypted disk' },
  {
    name: 'EXTERNAL_NETWORK_VIA_PODVM',
    form: 'boolean',
    default: 'false',
    meaning: 'Experimental: traffic leaves from the machine',
  },
  { name: 'POD_SUBNET_CIDRS', form: 'names', meaning: 'Experimental: ranges that stay in the tunnel' },
  {
    name: 'ENABLE_CLOUD_PROVIDER_EXTERNAL_PLUGIN',
    form: 'boolean',
    default: 'false',
    meaning: 'Experimental: a provider from a plugin',
  },
  { name: 'AA_KBC_PARAMS', form: 'text', meaning: 'Superseded by INITDATA' },
];
