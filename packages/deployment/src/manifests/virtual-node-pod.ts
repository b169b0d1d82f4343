import type { VirtualNodeValues } from './virtual-node-values.ts';

type Json = Readonly<Record<string, unknown>>;

const variable = (name: string, value: string): Json => (value === '' ? { name } : { name, value });
const text = (name: string, value: string): Json => ({ name, value });
const field = (name: string, fieldPath: string): Json => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const mount = (name: string, mountPath: string, more: Json = {}): Json => ({ name, mountPath, ...more });

const privileged = { capabilities: { add: ['NET_ADMIN', 'NET_RAW'] }, privileged: true };
const none = { requests: { cpu: '0', memory: '0G' }, limits: { cpu: '2', memory: '9G' } };

/** The three probes of a container: the same question with different patience. */
function probes(question: Json, ready: { readonly periodSeconds: number }, timeoutSeconds?: number): Json {
  const patience = timeoutSeconds === undefined ? {} : { timeoutSeconds };
  return {
    startupProbe: { ...question, failureThreshold: 36, periodSeconds: 5, ...patience },
    livenessProbe: { ...question, initialDelaySeconds: 0, periodSeconds: 30, ...patience },
    readinessProbe: { ...question, initialDelaySeconds: 0, ...ready, ...patience },
  };
}

const command = (...words: readonly string[]): Json => ({ exec: { command: words } });

/** Container that prepares the kubeconfig. */
export function initContainer(values: VirtualNodeValues): Json {
  return {
    name: 'init-config',
    image: values.images.initConfig,
    imagePullPolicy: 'Always',
    resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { cpu: '1', memory: '1G' } },
    env: [
      text('KubeProxyEnabled', String(values.kubeProxyEnabled)),
      text('serviceaccountname', 'virtual-node2-helm'),
      field('NodeName', 'metadata.name'),
    ],
    volumeMounts: [mount('kube-config-volume', '/kubeconfig/')],
    args: ['/initcontainer/init.sh'],
  };
}

/** The containers of a virtual node, in the order of the chart. */
export function nodeContainers(values: VirtualNodeValues): readonly Json[] {
  return [
    kubelet(values),
    virtualCsi(values),
    criSocketAdapter(values),
    {
      name: 'spdycompat',
      resources: none,
      image: values.images.spdyCompat,
      imagePullPolicy: 'Always',
      ...probes({ tcpSocket: { port: 50_052 } }, { periodSeconds: 5 }),
    },
    proxyCri(values),
    nodeDriverRegistrar(values),
  ];
}

function kubelet(values: VirtualNodeValues): Json {
  return {
    name: 'kubelet',
    resources: { requests: { cpu: '1', memory: '3G' }, limits: { cpu: '3', memory: '9G' } },
    securityContext: privileged,
    image: values.images.kubelet,
    imagePullPolicy: 'Always',
    volumeMounts: [
      mount('kubelet-root-dir', '/var/lib/kubelet/', { mountPropagation: 'Bidirectional' }),
      mount('aks-credential-provider-yaml', '/image-credential-provider/credential-provider-config.yaml'),
      mount('aks-credential-provider-binary', '/image-credential-provider/credential-provider'),
      mount('aks-credential-provider-binary-symlink-target', '/usr/bin/azure-acr-credential-provider', {
        readOnly: true,
      }),
      mount('socket-volume', '/tmp/'),
      mount('kube-config-volume', '/kubeconfig/'),
      mount('aks-credential', '/etc/kubernetes/azure.json'),
      mount('ca-certificates', '/etc/ssl/certs/ca-certificates.crt'),
      mount('container-logs', '/var/log/pods'),
    ],
    env: [
      field('NodeIP', 'status.podIP'),
      field('NodeName', 'metadata.name'),
      field('PodNS', 'metadata.namespace'),
      variable('CustomNodeLabels', values.nodeLabels),
      text('ACR_TRUSTED_ACCESS_ENABLED', 'false'),
      text('ACR_TRUSTED_ACCESS_PRINCIPAL_ID', ''),
    ],
    ...probes(command('curl', '-f', 'http://127.0.0.1:10248/healthz'), { periodSeconds: 30 }, 5),
  };
}

function virtualCsi(values: VirtualNodeValues): Json {
  const socket = '/var/lib/kubelet/plugins/file.csi.azure.com/csi.sock';
  return {
    name: 'virtualcsi',
    resources: none,
    securityContext: privileged,
    image: values.images.virtualCsi,
    command: ['/go/bin/virtual-csi'],
    args: [`-endpoint=unix://${socket}`],
    imagePullPolicy: 'Always',
    volumeMounts: [mount('kubelet-root-dir', '/var/lib/kubelet')],
    ...probes(command('test', '-S', socket), { periodSeconds: 30 }),
  };
}

function criSocketAdapter(values: VirtualNodeValues): Json {
  return {
    name: 'crisocketotcpadapter',
    resources: none,
    image: values.images.criSocketAdapter,
    env: [text('ListenEndpoint', '/tmp/vcri.sock')],
    volumeMounts: [
      mount('socket-volume', '/tmp/'),
      mount('aks-credential', '/etc/aks/azure.json'),
      mount('kubelet-root-dir', '/kubelet/'),
      mount('container-logs', '/var/log/pods'),
    ],
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'Always',
    startupProbe: { ...command('test', '-f', '/tmp/proxycriReady'), failureThreshold: 36, periodSeconds: 5 },
    livenessProbe: { ...command('test', '-S', '/tmp/vcri.sock'), initialDelaySeconds: 30, periodSeconds: 30 },
    readinessProbe: { ...command('test', '-f', '/tmp/proxycriReady'), initialDelaySeconds: 0, periodSeconds: 30 },
  };
}

function proxyCri(values: VirtualNodeValues): Json {
  const pools = 'VirtualNode_SandboxProvider_StandbyPools_';
  return {
    name: 'proxycri',
    ports: [{ name: 'http', containerPort: 50_052, protocol: 'TCP' }],
    resources: { requests: { cpu: '1800m', memory: '6G' }, limits: { cpu: '3', memory: '12G' } },
    image: values.images.proxyCri,
    imagePullPolicy: 'Always',
    securityContext: privileged,
    volumeMounts: [
      mount('socket-volume', '/tmp/'),
      mount('aks-credential', '/etc/aks/azure.json'),
      mount('kubelet-root-dir', '/var/lib/kubelet/', { mountPropagation: 'Bidirectional' }),
      mount('container-logs', '/var/log/pods'),
      mount('kube-config-volume', '/kubeconfig/'),
    ],
    env: [
      text(`${pools}Cpu`, '3.5'),
      text(`${pools}Memory`, '15'),
      text(`${pools}MaxReadyCapacity`, '10'),
      variable(`${pools}CcePolicy`, ''),
      text(`${pools}Zones`, ''),
      text(`${pools}LeaseNamespace`, values.namespace),
      text('SandboxProviderType', 'OnDemand'),
      text('StandbyPoolShareType', 'Node'),
      text('VirtualNode_Zones', values.zones),
      text('VirtualNode_KubeProxyEnabled', String(values.kubeProxyEnabled)),
      text('VirtualNode_CustomTags', values.customTags),
      text('VirtualNode_ACR_TRUSTED_ACCESS_IDENTITY', ''),
      text('VirtualNode_SandboxRecreateDelaySeconds', '2'),
      text('Subnets', values.aciSubnetName),
      text('AKS_CREDENTIAL_LOCATION', '/etc/aks/azure.json'),
      text('ListenEndpoint', '/tmp/vcri2.sock'),
      text('Subnet', values.aciSubnetName),
      text('MountHostImage', values.images.mountHost),
      text('MountHostImageConfid', values.images.mountHostConfidential),
      variable('ResourceGroup', values.aciResourceGroupName),
      variable('ArmEndpointBaseUrl', values.armEndpointBaseUrl),
      text('KubeProxyReservedMemoryGB', '0.1'),
      text('KubeProxyReservedCPUCores', '0.1'),
      field('NodeName', 'metadata.name'),
    ],
    ...probes({ httpGet: { path: '/metrics', port: 'http' } }, { periodSeconds: 5 }, 5),
  };
}

function nodeDriverRegistrar(values: VirtualNodeValues): Json {
  const socket = '/var/lib/kubelet/plugins/file.csi.azure.com/csi.sock';
  return {
    name: 'node-driver-registrar',
    resources: none,
    image: values.images.nodeDriverRegistrar,
    imagePullPolicy: 'Always',
    ports: [{ containerPort: 9809, name: 'healthz' }],
    volumeMounts: [
      mount('kubelet-root-dir', '/var/lib/kubelet/'),
      mount('kubelet-root-dir', '/registration', { subPath: 'plugins_registry' }),
    ],
    args: [
      '--csi-address=$(ADDRESS)',
      '--kubelet-registration-path=$(DRIVER_REG_SOCK_PATH)',
      '--http-endpoint=:9809',
      '--v=2',
    ],
    env: [text('ADDRESS', socket), text('DRIVER_REG_SOCK_PATH', socket)],
    ...probes({ httpGet: { path: '/healthz', port: 'healthz' } }, { periodSeconds: 5 }, 5),
  };
}

/** The volumes of a virtual node. */
export function nodeVolumes(): readonly Json[] {
  const host = (name: string, path: string, type: string): Json => ({ name, hostPath: { path, type } });
  return [
    { name: 'kubelet-root-dir', emptyDir: { medium: 'Memory' } },
    { name: 'socket-volume', emptyDir: {} },
    { name: 'kube-config-volume', emptyDir: {} },
    { name: 'container-logs', emptyDir: {} },
    host('ca-certificates', '/etc/ssl/certs/ca-certificates.crt', 'File'),
    host('aks-credential', '/etc/kubernetes/azure.json', 'File'),
    host('aks-credential-provider-yaml', '/var/lib/kubelet/credential-provider-config.yaml', 'FileOrCreate'),
    host('aks-credential-provider-binary', '/var/lib/kubelet/credential-provider', 'DirectoryOrCreate'),
    host('aks-credential-provider-binary-symlink-target', '/usr/bin/azure-acr-credential-provider', 'FileOrCreate'),
    { name: 'credentials', secret: { secretName: 'virtual-node-admission-controller', defaultMode: 420 } },
  ];
}
