//! Far ends that do not say a word to a placed call: how long that is borne, where somebody else could be asked.

use std::time::Duration;

use super::Agent;
use super::client::ClientStage;
use super::leg::Stage;
use crate::notice::LegId;
use crate::timers::Why;

impl Agent {
    /// A placed call without any reply is told to be silent after so long, instead of the 32 seconds of RFC 3261 (timer
    /// B). An answer that comes later is acknowledged and hung up.
    pub(super) fn expect_reply(&mut self, leg: LegId, within: Duration) {
        let Some(Stage::Calling { client, .. }) = self.legs.get(&leg).map(|leg| &leg.stage) else { return };
        let client = client.clone();
        if self.clients.get(&client).is_some_and(|client| client.stage == ClientStage::Calling) {
            self.expire_client(&client, within, Why::NoReply);
        }
    }
}
