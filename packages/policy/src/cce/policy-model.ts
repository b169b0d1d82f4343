/** The members of a CCE policy, spelled as the policy spells them. */

/** Matches a variable: byte equality with `NAME=value`, or RE2 anchored at both ends. */
export interface EnvRule {
  readonly pattern: string;
  readonly strategy: 'string' | 're2';
  readonly required: boolean;
}

/** Matches name and value on their own; framework 0.5.0 and later. */
export interface SplitEnvRule {
  readonly name: string;
  readonly name_strategy: string;
  readonly value: string;
  readonly value_strategy: string;
  readonly required?: boolean;
}

export interface PolicyMount {
  readonly destination: string;
  readonly options: readonly string[];
  readonly source: string;
  readonly type: string;
}

export interface ExecProcess {
  readonly command: readonly string[];
  readonly signals: readonly number[];
}

export interface IdName {
  readonly pattern: string;
  readonly strategy: 'any' | 'id' | 'name' | 're2';
}

export interface PolicyUser {
  readonly user_idname: IdName;
  readonly group_idnames: readonly IdName[];
  /** Four octal digits. */
  readonly umask: string;
}

export interface CapabilitySets {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly inheritable: readonly string[];
  readonly permitted: readonly string[];
  readonly ambient: readonly string[];
}

/** One container that a policy admits (Linux). */
export interface CceContainer {
  readonly id?: string;
  readonly name?: string;
  /** Root hashes, 64 lowercase hex characters, base layer first. */
  readonly layers: readonly string[];
  /** Null can never match a request. */
  readonly command: readonly string[] | null;
  readonly env_rules: readonly EnvRule[];
  readonly working_dir: string;
  readonly mounts: readonly PolicyMount[];
  readonly allow_elevated: boolean;
  readonly exec_processes: readonly ExecProcess[];
  /** Numbers; a text only where the reference generator is imitated with its defects. */
  readonly signals: readonly (number | string)[];
  readonly user: PolicyUser;
  readonly capabilities: CapabilitySets | null;
  /** 64 hex characters, or empty for no profile. */
  readonly seccomp_profile_sha256: string;
  readonly allow_stdio_access: boolean;
  readonly no_new_privileges: boolean;
  /** Of container definitions, such as `linux/amd64`. */
  readonly platform?: string;
}

/** A fragment that a policy admits by issuer, feed and lowest security version. */
export interface FragmentImport {
  readonly feed: string;
  readonly issuer: string;
  /** Decimal. */
  readonly minimum_svn: string;
  readonly includes: readonly string[];
}

/** Something that the person who deploys should know; the policy was made all the same. */
export interface CceWarning {
  /** `CCE-…`, stable. */
  readonly code: string;
  readonly message: string;
  readonly container?: string;
}

/** Collects warnings while a policy is made. */
export type Warn = (code: string, message: string, container?: string) => void;
