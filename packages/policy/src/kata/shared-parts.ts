import type { KataPolicyData, KataStorage } from './policy-data.ts';
import type { KataMsSettings, KataSettings, KataUpstreamSettings } from './settings.ts';

/** The parts of `policy_data` that come from the settings alone, in the order of the document. */
export function sharedPolicyParts(settings: KataSettings): Omit<KataPolicyData, 'containers'> {
  return settings.profile === 'ms' ? msParts(settings) : upstreamParts(settings);
}

function sandboxStorages(settings: KataSettings): KataStorage[] {
  return settings.sandbox.storages.map((storage) => ({
    driver: storage.driver,
    driver_options: storage.driver_options,
    source: storage.source,
    fstype: storage.fstype,
    options: storage.options,
    mount_point: storage.mount_point,
    fs_group: storage.fs_group,
  }));
}

function msParts(settings: KataMsSettings): Omit<KataPolicyData, 'containers'> {
  const { common, request_defaults: requests } = settings;
  return {
    common: {
      cpath: common.cpath,
      sfprefix: common.sfprefix,
      spath: common.spath,
      ipv4_a: common.ipv4_a,
      ip_p: common.ip_p,
      svc_name: common.svc_name,
      dns_label: common.dns_label,
      s_source1: common.s_source1,
      s_source2: common.s_source2,
      default_caps: common.default_caps,
      privileged_caps: common.privileged_caps,
      virtio_blk_storage_classes: common.virtio_blk_storage_classes,
      smb_storage_classes: common.smb_storage_classes,
    },
    sandbox: { storages: sandboxStorages(settings) },
    request_defaults: {
      CreateContainerRequest: { allow_env_regex: requests.CreateContainerRequest.allow_env_regex },
      CopyFileRequest: requests.CopyFileRequest,
      ExecProcessRequest: { commands: requests.ExecProcessRequest.commands, regex: requests.ExecProcessRequest.regex },
      CloseStdinRequest: requests.CloseStdinRequest,
      ReadStreamRequest: requests.ReadStreamRequest,
      UpdateEphemeralMountsRequest: requests.UpdateEphemeralMountsRequest,
      WriteStreamRequest: requests.WriteStreamRequest,
    },
  };
}

function upstreamParts(settings: KataUpstreamSettings): Omit<KataPolicyData, 'containers'> {
  const { common, request_defaults: requests, cluster_config: cluster } = settings;
  return {
    common: {
      cpath: common.cpath,
      root_path: common.root_path,
      sfprefix: common.sfprefix,
      spath: common.spath,
      ipv4_a: common.ipv4_a,
      ip_p: common.ip_p,
      svc_name_downward_env: common.svc_name_downward_env,
      dns_label: common.dns_label,
      default_caps: common.default_caps,
      privileged_caps: common.privileged_caps,
    },
    sandbox: { storages: sandboxStorages(settings) },
    request_defaults: {
      CreateContainerRequest: { allow_env_regex: requests.CreateContainerRequest.allow_env_regex },
      CopyFileRequest: requests.CopyFileRequest,
      ExecProcessRequest: {
        allowed_commands: requests.ExecProcessRequest.allowed_commands,
        regex: requests.ExecProcessRequest.regex,
      },
      UpdateRoutesRequest: requests.UpdateRoutesRequest,
      UpdateInterfaceRequest: requests.UpdateInterfaceRequest,
      AddARPNeighborsRequest: requests.AddARPNeighborsRequest,
      CloseStdinRequest: requests.CloseStdinRequest,
      ReadStreamRequest: requests.ReadStreamRequest,
      UpdateEphemeralMountsRequest: requests.UpdateEphemeralMountsRequest,
      WriteStreamRequest: requests.WriteStreamRequest,
      GetDiagnosticDataRequest: requests.GetDiagnosticDataRequest,
    },
    devices: { vfio: { device_path: settings.devices.vfio.device_path, nvidia: {} } },
    cluster_config: {
      pause_container_image: cluster.pause_container_image,
      guest_pull: cluster.guest_pull,
      emptydir_type: cluster.emptydir_type,
      cgroup_mount_extras_allowed: cluster.cgroup_mount_extras_allowed,
    },
  };
}
