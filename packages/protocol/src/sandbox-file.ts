export interface FileInfo {
  readonly path: string
  readonly type: "file" | "directory" | "symlink" | "other"
  readonly size: number
  readonly mode: number
  readonly modifiedAt: number
  /** Where a link points. */
  readonly target?: string
}

export interface FileEvent {
  /** `missed`: changes came faster than they were read; look at all of it again. */
  readonly type: "create" | "modify" | "delete" | "missed"
  readonly path: string
}
