/** Where the databases are and how their provisioning tables are named: the `call_center` part of the configuration. */

/** Configurable names of cc_agents, cc_flows and their columns; each is quoted as one identifier. */
export interface TableNames {
  cc_agents_table: string;
  cca_agentid_column: string;
  cca_location_column: string;
  cca_msrp_location_column: string;
  cca_msrp_max_sessions_column: string;
  cca_skills_column: string;
  cca_logstate_column: string;
  cca_wrapuptime_column: string;
  cca_wrapupend_column: string;
  cc_flows_table: string;
  ccf_flowid_column: string;
  ccf_priority_column: string;
  ccf_skill_column: string;
  ccf_cid_column: string;
  ccf_max_wrapup_column: string;
  ccf_dissuading_hangup_column: string;
  ccf_dissuading_onhold_th_column: string;
  ccf_dissuading_ewt_th_column: string;
  ccf_dissuading_qsize_th_column: string;
  ccf_m_welcome_column: string;
  ccf_m_queue_column: string;
  ccf_m_dissuading_column: string;
  ccf_m_flow_id_column: string;
}

export const DEFAULT_TABLES: Readonly<TableNames> = {
  cc_agents_table: 'cc_agents',
  cca_agentid_column: 'agentid',
  cca_location_column: 'location',
  cca_msrp_location_column: 'msrp_location',
  cca_msrp_max_sessions_column: 'msrp_max_sessions',
  cca_skills_column: 'skills',
  cca_logstate_column: 'logstate',
  cca_wrapuptime_column: 'wrapup_time',
  cca_wrapupend_column: 'wrapup_end_time',
  cc_flows_table: 'cc_flows',
  ccf_flowid_column: 'flowid',
  ccf_priority_column: 'priority',
  ccf_skill_column: 'skill',
  ccf_cid_column: 'prependcid',
  ccf_max_wrapup_column: 'max_wrapup_time',
  ccf_dissuading_hangup_column: 'dissuading_hangup',
  ccf_dissuading_onhold_th_column: 'dissuading_onhold_th',
  ccf_dissuading_ewt_th_column: 'dissuading_ewt_th',
  ccf_dissuading_qsize_th_column: 'dissuading_qsize_th',
  ccf_m_welcome_column: 'message_welcome',
  ccf_m_queue_column: 'message_queue',
  ccf_m_dissuading_column: 'message_dissuading',
  ccf_m_flow_id_column: 'message_flow_id',
};

/** Stands in place of a URL for the database in `data_dir`. */
export const EMBEDDED = 'embedded';

export interface SqlOptions {
  /** Provisioning (cc_flows, cc_agents): a URL, or, the default, {@link EMBEDDED}. */
  db_url?: string | undefined;
  /** cc_cdrs: likewise; default: where the provisioning is. */
  acc_db_url?: string | undefined;
  /** cc_calls: likewise; default: where the provisioning is. */
  rt_db_url?: string | undefined;
  /** Folder of the embedded database and of the dead-letter file; created when missing. */
  data_dir: string;
  /** IANA name for received_timestamp; default the system's. */
  timezone?: string | undefined;
  tables: TableNames;
}
