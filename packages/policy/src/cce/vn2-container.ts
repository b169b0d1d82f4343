import type { ConfigSources } from '../manifests/config-sources.ts';
import { asList, type JsonObject } from '../manifests/json-value.ts';
import type { PodTemplate } from '../manifests/pod-template.ts';
import { probeProcess } from './arm-container.ts';
import type { ContainerContext, ContainerInput } from './container-input.ts';
import { workloadIdentityEnvRules, workloadIdentityLabel } from './data/default-env-rules.ts';
import { vn2PrivilegedMounts, vn2WorkloadIdentityMount } from './data/mounts.ts';
import { booleanOf, invalidInput, objectList, objectOf, optionalText, requiredText, textList } from './input-values.ts';
import type { ExecProcess, PolicyMount } from './policy-model.ts';
import { policyMount } from './policy-mount.ts';
import { vn2Env } from './vn2-env.ts';

/**
 * The containers of a pod for virtual nodes, regular ones before init containers.
 * @throws MalformedError CCE_INPUT_INVALID, MANIFEST_CONFIG_INVALID
 * @throws RequestError CCE_WILDCARD_NEEDED
 */
export function vn2Containers(
  template: PodTemplate,
  sources: ConfigSources,
  context: ContainerContext,
): ContainerInput[] {
  const { spec } = template;
  const containers = ['containers', 'initContainers'].flatMap((member) => objectList(spec[member], `spec.${member}`));
  if (asList(spec['ephemeralContainers'])?.length) {
    context.warn('CCE-EPHEMERAL', 'ephemeral containers cannot be admitted by a policy that is made before they exist');
  }
  return containers.map((container) => vn2Container(container, template, sources, context));
}

function vn2Container(
  container: JsonObject,
  template: PodTemplate,
  sources: ConfigSources,
  context: ContainerContext,
): ContainerInput {
  const name = requiredText(container['name'], 'the name of a container');
  const where = (member: string) => `${member} of the container ${name}`;
  const labels = objectOf(template.metadata['labels'], 'labels of the pod');
  const workloadIdentity = labels[workloadIdentityLabel] === 'true';
  const own = objectOf(container['securityContext'], where('securityContext'));
  const privileged = booleanOf(own['privileged'], false, where('privileged'));
  return {
    name,
    platform: 'vn2',
    image: requiredText(container['image'], where('the image')),
    env: [...vn2Env({ name, container, sources, context }), ...(workloadIdentity ? workloadIdentityEnvRules : [])],
    command: {
      form: 'kubernetes',
      command: textList(container['command'], where('command')),
      args: textList(container['args'], where('args')),
    },
    workingDir: optionalText(container['workingDir'], where('workingDir')),
    mounts: [
      ...(workloadIdentity ? [policyMount(vn2WorkloadIdentityMount)] : []),
      ...volumeMounts(container, name, template, context),
      ...(privileged ? vn2PrivilegedMounts.map((mount) => policyMount(mount)) : []),
    ],
    execProcesses: execProcesses(container, name),
    securityContext: { ...objectOf(template.spec['securityContext'], 'securityContext of the pod'), ...own },
  };
}

/** Volume sources that Kubernetes mounts read-only whatever the mount says. */
const READ_ONLY_SOURCES = ['configMap', 'secret', 'downwardAPI', 'projected'];

function volumeMounts(
  container: JsonObject,
  name: string,
  template: PodTemplate,
  context: ContainerContext,
): PolicyMount[] {
  const volumes = readOnlyVolumes(template);
  return objectList(container['volumeMounts'], `volumeMounts of the container ${name}`).map((mount) => {
    const volume = requiredText(mount['name'], `the name of a mount of the container ${name}`);
    const always = volumes.get(volume);
    if (always === undefined && !context.compatible)
      throw invalidInput(`the container ${name} mounts the volume ${volume}, which does not exist`);
    const declared = booleanOf(mount['readOnly'], false, `readOnly of the mount ${volume}`);
    if (always === true && mount['readOnly'] === false) {
      context.warn('CCE-MOUNT-READONLY', `the mount of ${volume} says it is writable, but its source never is`, name);
    }
    const destination = requiredText(mount['mountPath'], `the path of the mount ${volume}`);
    return policyMount({ destination, volumeType: 'emptyDir', readOnly: always === true || declared });
  });
}

/** Volumes by name, and whether they are read-only by nature. */
function readOnlyVolumes({ spec, resource }: PodTemplate): Map<string, boolean> {
  const volumes = objectList(spec['volumes'], 'spec.volumes').map((volume): [string, boolean] => {
    const readOnly = READ_ONLY_SOURCES.some((source) => volume[source] !== undefined && volume[source] !== null);
    return [requiredText(volume['name'], 'the name of a volume'), readOnly];
  });
  const controller = objectOf(resource.value['spec'], 'spec');
  const claims = objectList(controller['volumeClaimTemplates'], 'volumeClaimTemplates').map(
    (claim): [string, boolean] => {
      const modes = textList(objectOf(claim['spec'], 'spec of a claim')['accessModes'], 'accessModes of a claim');
      return [
        requiredText(objectOf(claim['metadata'], 'metadata of a claim')['name'], 'the name of a claim'),
        modes.includes('ReadOnlyMany'),
      ];
    },
  );
  return new Map([...volumes, ...claims]);
}

/** Probes and hooks of the `exec` kind. */
function execProcesses(container: JsonObject, name: string): ExecProcess[] {
  const lifecycle = objectOf(container['lifecycle'], `lifecycle of the container ${name}`);
  return [
    ...['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((key) => probeProcess(container[key], key, name)),
    ...['postStart', 'preStop'].flatMap((key) => probeProcess(lifecycle[key], key, name)),
  ];
}
