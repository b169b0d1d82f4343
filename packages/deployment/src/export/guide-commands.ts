import type { ProfileName } from '../config/profiles.ts';

/** A command or a step by hand of a guide, and what it is here. */
export interface GuideCommand {
  readonly command: string;
  /** Ids of the graph; none when nothing is made. */
  readonly nodes: readonly string[];
  /** What is different, or what takes its place. */
  readonly note?: string;
}

const row = (command: string, nodes: readonly string[], note?: string): GuideCommand => ({
  command,
  nodes,
  ...(note === undefined ? {} : { note }),
});
const inConfiguration = 'settings of the configuration, with these values as defaults';
const ids = 'ids follow from names; nothing is asked';

/** Every command of the guides in their order, and where in the graph of a profile it is found. */
export const guideCommands: Readonly<Record<ProfileName, readonly GuideCommand[]>> = {
  'uid2-vn2': [
    row('variables of the shell', [], inConfiguration),
    row(
      'az provider register --namespace Microsoft.ContainerInstance',
      ['R-PROVIDERS'],
      'first, with the other providers, and waited for',
    ),
    row('az group create', ['R-RG']),
    row('az account list-locations', [], 'checks LO-01 to LO-05'),
    row('az network public-ip create', ['R-PIP']),
    row('az network nat gateway create', ['R-NAT']),
    row('az network vnet create', ['R-VNET']),
    row('az network vnet subnet create (default, aks, cg)', ['R-VNET'], 'subnets are written with their network'),
    row(
      'az network vnet subnet update --nat-gateway',
      ['R-VNET'],
      'the gateway stands at the subnet from the beginning',
    ),
    row('az network vnet subnet show --query id', [], ids),
    row('az identity create', ['R-ID']),
    row('az keyvault create', ['R-KV']),
    row('az keyvault show, az identity show', [], ids),
    row(
      'az role assignment create --role "Key Vault Secrets User"',
      ['R-RA-KV'],
      'with object id and kind of principal',
    ),
    row('az aks get-versions', [], 'checks KV-01 to KV-06'),
    row('az aks create', ['R-AKS']),
    row('silently, by az aks create', ['R-RA-SUBNET'], 'the CLI grants it after a question'),
    row(
      'az role assignment create --role Contributor (main group)',
      ['R-RA-MAIN'],
      'the guide names a client id; here it is the object id',
    ),
    row('az role assignment create --role Contributor (group of the nodes)', ['R-RA-NODE'], 'the same'),
    row('az keyvault secret set', ['R-SECRET'], 'value as a secure parameter; written when its fingerprint differs'),
    row('az aks get-credentials', [], 'credentials stay in memory'),
    row('git clone, helm install', ['R-VN'], 'the objects of the pinned chart'),
    row('kubectl get nodes', [], 'stage S7 waits until the node is ready for 60 s'),
    row('sed (four times), kubectl apply', ['R-OP'], 'values are set by path; a slot for each version'),
    row('az network public-ip list', [], 'the address is in the Service'),
    row('a browser at /ops/healthcheck', [], 'stage S9'),
  ],
  'kata-cc': [
    row('az extension add, az extension update', [], 'checks TL-02 to TL-04'),
    row(
      'az feature register, az feature show, az provider register',
      ['K-FEAT'],
      'waited for; the provider once more afterwards',
    ),
    row('az group create', ['K-RG']),
    row(
      'az aks create --workload-runtime KataCcIsolation',
      ['K-AKS'],
      'with `cluster.mode: adopt` K-POOL: az aks nodepool add, az aks update',
    ),
    row('az aks get-credentials', [], 'credentials stay in memory'),
    row('az identity create', ['K-ID']),
    row('az aks show --query oidcIssuerProfile.issuerUrl', [], 'read when the credential is written'),
    row('az identity federated-credential create', ['K-FIC']),
    row('kubectl create namespace, ServiceAccount', ['K-NS']),
    row('az keyvault create --sku Premium', ['K-KV']),
    row('az role assignment create (two roles, for the identity)', ['K-RA-ID-OFFICER', 'K-RA-ID-USER']),
    row('the same for the own account, without a command', ['K-RA-DEPLOYER-OFFICER', 'K-RA-DEPLOYER-USER']),
    row(
      'kubectl create -f https://strimzi.io/install/latest, kubectl apply -f kafka-persistent-single.yaml',
      ['K-KAFKA'],
      'a pinned release, which has to be installed first',
    ),
    row('az attestation show --query attestUri', [], '`attestation.endpoint`; with `create: true` K-MAA'),
    row('az confcom katapolicygen', [], '`holdfast policy generate`, before the key: `policy.annotation`'),
    row('setup-key.sh', ['K-KEY'], 'bound to `policy.annotation` or `policy.measurement`'),
    row('kubectl apply -f consumer.yaml, producer.yaml', ['K-APP']),
    row('kubectl get svc consumer, a browser', [], 'stage S9'),
    row('az aks delete', [], '`holdfast destroy`'),
  ],
  'peer-pods': [
    row('providers, in the portal', ['P-PROVIDERS']),
    row('a group for the network of the pod VMs', ['P-RG']),
    row('a public address, a NAT gateway', ['P-PIP', 'P-NAT']),
    row(
      'a network of its own with a subnet that has the gateway',
      ['P-VNET'],
      'or the worker subnet: `network.peerPods.mode`',
    ),
    row('peering with the network of the cluster, in both directions', ['P-PEER-A', 'P-PEER-B']),
    row('ports 15150 and 9000 towards the pod VMs', ['P-NSG']),
    row('ports 15150 and 9000 back', ['P-RULE-15150', 'P-RULE-9000']),
  ],
  'private-link': [
    row(
      'az feature register EnablePodIdentityPreview',
      ['L-PROVIDERS'],
      'pod identity is retired (PI-01); workload identity needs no preview',
    ),
    row('az group create', ['L-RG']),
    row('az aks create --enable-pod-identity', ['L-AKS'], 'workload identity and the add-on for secrets instead'),
    row('a network, made silently by the Azure CLI', ['L-VNET'], 'written down, with a subnet for endpoints'),
    row(
      'a cache for Redis with a private endpoint, in the portal',
      ['L-REDIS', 'L-PE-REDIS', 'L-DNS-REDIS', 'L-LINK-REDIS', 'L-ZG-REDIS'],
      'TLS by default',
    ),
    row(
      'a vault with a private endpoint, in the portal',
      ['L-KV', 'L-PE-KV', 'L-DNS-KV', 'L-LINK-KV', 'L-ZG-KV'],
      'roles instead of access policies',
    ),
    row(
      'the firewall of the vault opened, the key of Redis as a secret',
      ['L-SECRET'],
      'Azure carries the key over; the vault stays closed',
    ),
    row('helm install csi-secrets-store-provider-azure', ['L-AKS'], 'an add-on of the cluster'),
    row('SecretProviderClass', ['L-SPC'], 'version v1'),
    row('az identity create', ['L-ID']),
    row('az role assignment create --role Reader, az keyvault set-policy', ['L-RA'], 'Key Vault Secrets User'),
    row('az aks pod-identity add', ['L-FIC'], 'a federated credential'),
    row('Deployment, Service', ['L-APP']),
    row('kubectl get pod,svc, a browser', [], 'stage S9'),
  ],
};
