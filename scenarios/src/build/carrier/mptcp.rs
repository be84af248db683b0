//! Multipath TCP's configuration.

use std::sync::Arc;

use transport::congestion::{Algorithm, Coupling};
use transport::mptcp::{MptcpConfig, PathManager, Scheduler};
use transport::tcp::TcpConfig;

use crate::language::TcpProfile;
use crate::language::document::{
    MptcpCongestion, MptcpOptions, MptcpPathManager, MptcpScheduler, TcpOptions,
};

/// The configuration for `options`; what they leave out is the default. Subflows are the TCP of `tcp`.
pub(super) fn config(options: &MptcpOptions, tcp: &TcpOptions) -> MptcpConfig {
    let bytes = |size: crate::language::Size| u32::try_from(size.as_bytes()).unwrap_or(u32::MAX);
    let base = super::tcp::config(TcpProfile::Current, tcp);
    let tcp = TcpConfig {
        congestion: match options.congestion.unwrap_or_default() {
            MptcpCongestion::Lia => Algorithm::Coupled(Coupling::Lia),
            MptcpCongestion::Olia => Algorithm::Coupled(Coupling::Olia),
            MptcpCongestion::Balia => Algorithm::Coupled(Coupling::Balia),
            MptcpCongestion::Cubic => Algorithm::Cubic,
            MptcpCongestion::Reno => Algorithm::Reno,
        },
        send_buffer: options.send_buffer.map_or(base.send_buffer, bytes),
        receive_buffer: options.receive_buffer.map_or(base.receive_buffer, bytes),
        nagle: options.nagle.unwrap_or(base.nagle),
        ..base
    };
    let default = MptcpConfig::default();
    MptcpConfig {
        tcp: Arc::new(tcp),
        scheduler: match options.scheduler.unwrap_or_default() {
            MptcpScheduler::LowestRtt => Scheduler::LowestRtt,
            MptcpScheduler::RoundRobin => Scheduler::RoundRobin,
            MptcpScheduler::Redundant => Scheduler::Redundant,
            MptcpScheduler::Blest => Scheduler::Blest,
            MptcpScheduler::BackupOnly => Scheduler::BackupOnly,
        },
        path_manager: match options.path_manager.unwrap_or_default() {
            MptcpPathManager::FullMesh => PathManager::FullMesh,
            MptcpPathManager::Endpoints => PathManager::Endpoints,
            MptcpPathManager::AcceptingSide => PathManager::AcceptingSide,
            MptcpPathManager::Single => PathManager::Single,
        },
        checksum: options.checksum.unwrap_or(default.checksum),
        long_sequence: options.long_sequence.unwrap_or(default.long_sequence),
        subflows_max: options.subflows.unwrap_or(default.subflows_max),
        announce_port: options.announce_port,
        opportunistic_retransmission: options
            .opportunistic_retransmission
            .unwrap_or(default.opportunistic_retransmission),
        lifetime: options.lifetime.map_or(default.lifetime, Into::into),
        ..default
    }
}
