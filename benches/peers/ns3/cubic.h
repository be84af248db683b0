// ns-3's TcpCubic, of which rules can be switched off, to see how much of a difference in goodput is theirs.
// CUBIC_RULES names those that are off:
//   e  the acknowledgment that ends a recovery counts towards the growth of the window
//   c  what was counted towards the next increase survives a reduction of the window
#pragma once
#include "ns3/socket.h"
#include "ns3/tcp-congestion-ops.h"
#include "ns3/tcp-recovery-ops.h"
#include "ns3/traced-callback.h"
// Its counter is private; nothing else of it is touched.
#define private public
#include "ns3/tcp-cubic.h"
#undef private
#include "ns3/tcp-socket-state.h"

#include <cstdlib>
#include <cstring>

namespace ns3 {

class TcpCubicRules : public TcpCubic {
  public:
    static TypeId GetTypeId() {
        static TypeId id = TypeId("ns3::TcpCubicRules").SetParent<TcpCubic>().AddConstructor<TcpCubicRules>();
        return id;
    }

    std::string GetName() const override { return "TcpCubicRules"; }

    void CongestionStateSet(Ptr<TcpSocketState> socket, const TcpSocketState::TcpCongState_t state) override {
        bool recovered = m_state == TcpSocketState::CA_RECOVERY || m_state == TcpSocketState::CA_LOSS;
        m_ends = recovered && state == TcpSocketState::CA_OPEN;
        m_state = state;
        TcpCubic::CongestionStateSet(socket, state);
    }

    void IncreaseWindow(Ptr<TcpSocketState> socket, uint32_t acknowledged) override {
        bool ends = m_ends;
        m_ends = false;
        if (ends && IsOff('e')) {
            return;
        }
        TcpCubic::IncreaseWindow(socket, acknowledged);
    }

    uint32_t GetSsThresh(Ptr<const TcpSocketState> socket, uint32_t flight) override {
        if (IsOff('c')) {
            m_cWndCnt = 0;
        }
        return TcpCubic::GetSsThresh(socket, flight);
    }

    Ptr<TcpCongestionOps> Fork() override { return CopyObject<TcpCubicRules>(this); }

  private:
    static bool IsOff(char rule) {
        static const char *rules = std::getenv("CUBIC_RULES");
        return rules && std::strchr(rules, rule);
    }

    int m_state{0};
    bool m_ends{false};
};

NS_OBJECT_ENSURE_REGISTERED(TcpCubicRules);

} // namespace ns3
