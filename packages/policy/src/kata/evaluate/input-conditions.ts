import type { Check, Mismatch } from './decision.ts';
import type { CreateContainerRequest } from './request.ts';

function mustBe(what: string, expected: unknown, holds: boolean, request: unknown): Mismatch[] {
  const wording = expected === null ? 'absent' : 'empty';
  return holds
    ? []
    : [{ policy: expected, request, message: `${what} must be ${wording} in every container request.` }];
}

function absent(what: string, value: unknown): Mismatch[] {
  return mustBe(what, null, value === null, value);
}

function empty(what: string, value: { readonly length: number }): Mismatch[] {
  return mustBe(what, typeof value === 'string' ? '' : [], value.length === 0, value);
}

const shared: Check<CreateContainerRequest>['check'] = (request) => {
  const { OCI: oci } = request;
  const { Linux: linux } = oci;
  return [
    ...empty('shared_mounts', request.shared_mounts),
    ...absent('string_user', request.string_user),
    ...absent('Hooks', oci.Hooks),
    ...absent('Solaris', oci.Solaris),
    ...absent('Windows', oci.Windows),
    ...empty('Linux.UIDMappings', linux.UIDMappings),
    ...empty('Linux.GIDMappings', linux.GIDMappings),
    ...empty('Linux.MountLabel', linux.MountLabel),
    ...empty('Linux.Resources.Devices', linux.Resources.Devices),
    ...empty('Linux.RootfsPropagation', linux.RootfsPropagation),
    ...absent('Linux.IntelRdt', linux.IntelRdt),
    ...absent('Linux.Resources.BlockIO', linux.Resources.BlockIO),
    ...absent('Linux.Resources.Network', linux.Resources.Network),
    ...absent('Linux.Resources.Pids', linux.Resources.Pids),
    ...absent('Linux.Seccomp', linux.Seccomp),
    ...empty('Process.SelinuxLabel', oci.Process.SelinuxLabel),
    ...empty('Process.User.Username', oci.Process.User.Username),
  ];
};

/** What no container request of the MS profile may have, whatever the policy says. */
export const msInputConditions: readonly Check<CreateContainerRequest>[] = [
  { predicate: 'input', check: shared },
  {
    predicate: 'input',
    check: ({ OCI: { Linux: linux } }) =>
      mustBe('Linux.Sysctl', {}, Object.keys(linux.Sysctl).length === 0, linux.Sysctl),
  },
];

/** The same upstream, where sysctls are compared with the policy instead. */
export const upstreamInputConditions: readonly Check<CreateContainerRequest>[] = [
  { predicate: 'input', check: shared },
];
